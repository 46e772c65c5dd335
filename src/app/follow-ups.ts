import { Signature } from "../canvas/signature.ts";
import { decodeJson, type EncodedJson } from "../message/json.ts";
import type { FollowUps, TaskRequest } from "../message/task-request.ts";
import type { Producer, RoutedRequest } from "./producer.ts";

/** What a task's follow-ups ask for that cannot be sent here; undefined when all can. */
export function unsupportedFollowUp({ callbacks, errbacks, chain, chord }: FollowUps): string | undefined {
  if (chord !== null) return "it is a member of a chord";
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
  const { errbacks } = request.followUps;
  if (errbacks.length === 0) return [];
  const calls = errbacks.map((dict) => Signature.fromDict(dict).withFirst(request.id));
  return producer.prepare(calls, { parent: { id: request.id, rootId: request.rootId } });
}

/** Ids of the chain's later steps, which will now never run. Celery: `celery/backends/base.py:mark_as_failure`. */
export function stepsThatNeverRun({ followUps }: TaskRequest): readonly string[] {
  return followUps.chain.map((dict) => dict.options["task_id"]).filter((id) => typeof id === "string");
}
