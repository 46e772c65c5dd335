import { failureDocument, type Failure } from "../backend/failure.ts";
import { resultTuple, type TaskMeta, type TaskState } from "../backend/task-meta.ts";
import type { Delivery } from "../broker/broker.ts";
import type { EncodedJson } from "../message/json.ts";
import type { SignatureDict, TaskRequest } from "../message/task-request.ts";
import type { SentChild } from "../pool/pool.ts";
import type { WorkerParts } from "./parts.ts";

/** Makes the result documents of one task. */
export class TaskRecord {
  readonly #request: TaskRequest;
  readonly #delivery: Pick<Delivery, "queue" | "deliveries" | "fence">;
  readonly #parts: WorkerParts;

  constructor(request: TaskRequest, delivery: Pick<Delivery, "queue" | "deliveries" | "fence">, parts: WorkerParts) {
    this.#request = request;
    this.#delivery = delivery;
    this.#parts = parts;
  }

  started(): TaskMeta {
    return this.#underWay("STARTED", { pid: process.pid, hostname: this.#parts.hostname });
  }

  progress(value: EncodedJson): TaskMeta {
    return this.#underWay("PROGRESS", value);
  }

  succeeded(value: EncodedJson, children: readonly SentChild[]): TaskMeta {
    return this.#ended("SUCCESS", value, null, children);
  }

  failed(failure: Failure, children: readonly SentChild[] = []): TaskMeta {
    return this.#ended("FAILURE", failureDocument(failure), failure.traceback, children);
  }

  /** Of a task that was to follow and never will; undefined for one without an id. */
  neverRun({ task: name, args, kwargs, options }: SignatureDict, failure: Failure): TaskMeta | undefined {
    const { task_id: taskId, group_id: groupId } = options;
    if (typeof taskId !== "string") return undefined;
    const { extended, ...meta } = this.failed(failure);
    const own = { ...meta, taskId, parentId: null, groupId: typeof groupId === "string" ? groupId : null };
    return extended === undefined
      ? own
      : { ...own, extended: { ...extended, name, args, kwargs, retries: 0, queue: "" } };
  }

  retried(failure: Failure): TaskMeta {
    return this.#underWay("RETRY", failureDocument(failure), failure.traceback);
  }

  #underWay(state: TaskState, result: unknown, traceback: string | null = null): TaskMeta {
    return this.#meta(state, result, traceback, null, []);
  }

  #ended(state: TaskState, result: unknown, traceback: string | null, children: readonly SentChild[]): TaskMeta {
    return this.#meta(state, result, traceback, new Date(this.#parts.clock.now()), children.map(resultTuple));
  }

  /** Written out: what is spread over and over costs each task more. */
  #meta(
    state: TaskState,
    result: unknown,
    traceback: string | null,
    doneAt: Date | null,
    children: readonly unknown[],
  ): TaskMeta {
    const { id: taskId, parentId, groupId, retries } = this.#request;
    const { fence, deliveries } = this.#delivery;
    const isFirstRun = deliveries === 1 && retries === 0;
    const meta = { taskId, state, result, traceback, parentId, groupId, doneAt, children, fence, isFirstRun };
    return this.#parts.config.resultExtended ? { ...meta, extended: this.#extended() } : meta;
  }

  #extended(): NonNullable<TaskMeta["extended"]> {
    const { task: name, args, kwargs, retries } = this.#request;
    return { name, args, kwargs, retries, worker: this.#parts.hostname, queue: this.#delivery.queue };
  }
}
