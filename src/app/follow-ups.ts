import { Signature } from "../canvas/signature.ts";
import { decodeJson, type EncodedJson } from "../message/json.ts";
import type { FollowUps, SignatureDict, TaskRequest } from "../message/task-request.ts";
import { leadsOf, tasksWithin, unsendablePart } from "./composites.ts";
import type { Producer, RoutedRequest } from "./producer.ts";

/** What a task's follow-ups ask for that cannot be sent here; undefined when all can. */
export function unsupportedFollowUp(
  { callbacks, errbacks, chain, chord }: FollowUps,
  { keepsResults }: { readonly keepsResults: boolean },
): string | undefined {
  if (chord !== null && !keepsResults) return "it is a member of a chord, and no results are kept here";
  const inBody = chord === null ? undefined : unsendablePart(chord);
  if (inBody !== undefined) return `it is a member of a chord whose body is or begins with a ${inBody}`;
  const composite = [...callbacks, ...errbacks, ...chain].find((dict) => dict.subtask_type !== null);
  return composite === undefined ? undefined : `it is followed by a ${String(composite.subtask_type)}`;
}

/** Callbacks, then the next step of the chain, each with the result. Celery: `celery/app/trace.py:_dispatch_callbacks_and_chain`. */
export async function followUpsOfSuccess(
  request: TaskRequest,
  value: EncodedJson,
  producer: Producer,
): Promise<readonly RoutedRequest[]> {
  const { callbacks, chain } = request.followUps;
  const result = decodeJson(value.text);
  const parent = { id: request.id, rootId: request.rootId };
  const calls = callbacks.map((dict) => Signature.fromDict(dict).withFirst(result));
  const next = chain.at(-1);
  const step = next === undefined ? [] : [Signature.fromDict(next).withFirst(result)];
  return [
    ...(await producer.prepare(calls, { parent })),
    ...(await producer.prepare(step, { parent, chain: chain.slice(0, -1) })),
  ];
}

/** Errbacks, each with the failed task's id. Celery: `celery/backends/base.py:_call_task_errbacks`. */
export async function followUpsOfFailure(request: TaskRequest, producer: Producer): Promise<readonly RoutedRequest[]> {
  return errbacksOf(request, request.followUps.errbacks, producer);
}

/** The errbacks of one task. */
export async function errbacksOf(
  failed: { readonly id: string; readonly rootId: string },
  errbacks: readonly SignatureDict[],
  producer: Producer,
): Promise<readonly RoutedRequest[]> {
  if (errbacks.length === 0) return [];
  const calls = errbacks.map((dict) => Signature.fromDict(dict).withFirst(failed.id));
  return producer.prepare(calls, { parent: { id: failed.id, rootId: failed.rootId } });
}

/** A chord's body with the results of its members, sent by the last of them. Celery: `redis.py:RedisBackend.on_chord_part_return`. */
export async function callsOfBody(
  body: SignatureDict,
  results: readonly unknown[],
  last: TaskRequest,
  producer: Producer,
): Promise<readonly RoutedRequest[]> {
  const parent = { id: last.id, rootId: last.rootId };
  const leads: RoutedRequest[] = [];
  for (const { call, chain } of leadsOf(body))
    leads.push(...(await producer.prepare([call.withFirst(results)], { parent, chain })));
  return leads;
}

/** The chain's later steps, which will now never run. Celery: `celery/backends/base.py:Backend._fail_chain`. */
export function stepsThatNeverRun({ followUps }: TaskRequest): readonly SignatureDict[] {
  return followUps.chain.flatMap(tasksWithin);
}
