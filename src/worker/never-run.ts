import { randomUUID } from "node:crypto";
import { failureDocument, type Failure } from "../backend/failure.ts";
import { tupleOf, type ResultNode } from "../backend/groups.ts";
import type { TaskMeta } from "../backend/task-meta.ts";
import { stampsIn } from "../canvas/stamps.ts";
import { idsOfCall } from "../canvas/unrun.ts";
import type { SignatureDict } from "../message/task-request.ts";
import type { WorkerParts } from "./parts.ts";

/** Results of the errbacks that were sent, by the id of the call that they were told of. */
export type Told = ReadonlyMap<string, readonly ResultNode[]>;

/** The result document of a task that was to follow and never will; undefined for one without an id. */
export function metaOfNeverRun(
  call: SignatureDict,
  failure: Failure,
  { clock, config, hostname: worker }: Pick<WorkerParts, "clock" | "config" | "hostname">,
  told?: Told,
): TaskMeta | undefined {
  const { task: name, args, kwargs, options } = call;
  const [ids] = idsOfCall(call);
  if (ids === undefined) return undefined;
  const meta: TaskMeta = {
    ...ids,
    state: "FAILURE",
    result: failureDocument(failure),
    traceback: failure.traceback,
    parentId: null,
    doneAt: new Date(clock.now()),
    children: childrenOf(told?.get(ids.taskId) ?? []),
  };
  const extended = { name, args, kwargs, retries: 0, worker, queue: "", stamps: stampsIn(options) };
  return config.resultExtended ? { ...meta, extended } : meta;
}

/** Celery sends errbacks as a group: `celery/backends/base.py:Backend._call_task_errbacks`. */
function childrenOf(errbacks: readonly ResultNode[]): readonly unknown[] {
  return errbacks.length === 0 ? [] : [tupleOf({ id: randomUUID(), parent: null, members: errbacks })];
}
