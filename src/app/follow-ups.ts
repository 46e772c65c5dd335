import { withOptions } from "../canvas/dicts.ts";
import { leading } from "../canvas/parts.ts";
import { withPartials } from "../canvas/partials.ts";
import { replacementOf } from "../canvas/replacement.ts";
import { storedStepsOf } from "../canvas/stored.ts";
import { hasChord, tasksWithin } from "../canvas/unrun.ts";
import { decodeJson, type EncodedJson } from "../message/json.ts";
import type { FollowUps, SignatureDict, TaskRequest } from "../message/task-request.ts";
import { derivedUuid } from "../util/derived-uuid.ts";
import type { CanvasLibrary } from "./canvas-library.ts";
import type { Dispatch } from "./dispatch.ts";
import type { Producer } from "./producer.ts";

/** Why what follows a task could not come about where no results are kept; undefined where it can. Throws UnreadableMessageError. */
export function resultsNeeded({ callbacks, errbacks, chain, chord }: FollowUps): string | undefined {
  if (chord !== null) return "it is a member of a chord";
  const all = [...callbacks, ...errbacks, ...chain];
  if (all.some((dict) => storedStepsOf(dict) !== undefined)) return "what follows it is stored";
  return all.some(hasChord) ? "it is followed by a chord" : undefined;
}

/** Callbacks, then the next step of the chain, each with the result. Celery: `celery/app/trace.py:_dispatch_callbacks_and_chain`. */
export function followUpsOfSuccess(request: TaskRequest, value: EncodedJson, producer: Producer): Promise<Dispatch> {
  const { callbacks, chain } = request.followUps;
  const next = chain.at(-1);
  const step = next === undefined ? [] : [leading(next, chain.slice(0, -1))];
  const result = decodeJson(value.text);
  return producer.dispatchOf(
    [...callbacks, ...step].map((dict) => withPartials(dict, [result])),
    request,
    idsOf(request, "next"),
  );
}

/** What takes a task's place. */
export function replacementsOf(request: TaskRequest, by: EncodedJson, producer: Producer): Promise<Dispatch> {
  return producer.dispatchOf(
    [replacementOf(request, decodeJson(by.text) as SignatureDict)],
    request,
    idsOf(request, "instead"),
  );
}

/** What is to join the chord that a task is in. */
export function additionsOf(request: TaskRequest, added: EncodedJson, producer: Producer): Promise<Dispatch> {
  const { groupId, groupIndex, followUps } = request;
  const dicts = decodeJson(added.text) as readonly SignatureDict[];
  const membership = { group_id: groupId, group_index: groupIndex, chord: followUps.chord };
  return producer.dispatchOf(
    dicts.map((dict) => withOptions(dict, membership)),
    request,
    idsOf(request, "added"),
  );
}

/** The errbacks of one task, each with its id. Celery: `celery/backends/base.py:_call_task_errbacks`. */
export function errbacksOf(
  failed: { readonly id: string; readonly rootId: string },
  errbacks: readonly SignatureDict[],
  producer: Producer,
): Promise<Dispatch> {
  return producer.dispatchOf(
    errbacks.map((dict) => withPartials(dict, [failed.id])),
    failed,
  );
}

/** A chord's body with the results of its members, sent by the last of them. Celery: `redis.py:RedisBackend.on_chord_part_return`. */
export function bodyOfChord(
  body: SignatureDict,
  results: readonly unknown[],
  last: Pick<TaskRequest, "id" | "rootId">,
  producer: Producer,
): Promise<Dispatch> {
  return producer.dispatchOf([withPartials(body, [results])], last);
}

/** The chain's later steps, which will now never run. Rejects with ResultBackendUnavailableError. Celery: `celery/backends/base.py:Backend._fail_chain`. */
export async function stepsThatNeverRun(
  { followUps }: TaskRequest,
  canvases: CanvasLibrary,
): Promise<readonly SignatureDict[]> {
  return (await canvases.wholes(followUps.chain)).flatMap(tasksWithin);
}

/** Ids that a task gives are the same whenever it gives them: it may be delivered again, and what it sent then is known by them. */
function idsOf({ id, retries }: TaskRequest, what: string): () => string {
  let count = 0;
  return () => derivedUuid(`${id}/${String(retries)}/${what}/${String((count += 1))}`);
}
