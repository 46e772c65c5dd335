import { failureDocument, type Failure } from "../backend/failure.ts";
import { resultTuple, type TaskMeta } from "../backend/task-meta.ts";
import type { EncodedJson } from "../message/json.ts";
import type { TaskRequest } from "../message/task-request.ts";
import type { SentChild } from "../pool/pool.ts";
import type { WorkerParts } from "./parts.ts";

/** Makes the result documents of one task. */
export class TaskRecord {
  /** Of the run that it tells of. */
  readonly fence: number;
  readonly #request: TaskRequest;
  readonly #queue: string;
  readonly #parts: WorkerParts;

  constructor(request: TaskRequest, queue: string, fence: number, parts: WorkerParts) {
    this.#request = request;
    this.#queue = queue;
    this.fence = fence;
    this.#parts = parts;
  }

  started(): TaskMeta {
    return { ...this.#base(), state: "STARTED", result: { pid: process.pid, hostname: this.#parts.hostname } };
  }

  progress(value: EncodedJson): TaskMeta {
    return { ...this.#base(), state: "PROGRESS", result: value };
  }

  succeeded(value: EncodedJson, children: readonly SentChild[]): TaskMeta {
    return {
      ...this.#base(),
      state: "SUCCESS",
      result: value,
      doneAt: this.#now(),
      children: children.map(resultTuple),
    };
  }

  failed(failure: Failure, children: readonly SentChild[] = []): TaskMeta {
    const ended = { doneAt: this.#now(), children: children.map(resultTuple) };
    return { ...this.#base(), state: "FAILURE", ...failureFields(failure), ...ended };
  }

  retried(failure: Failure): TaskMeta {
    return { ...this.#base(), state: "RETRY", ...failureFields(failure) };
  }

  #base(): Omit<TaskMeta, "state" | "result"> {
    const { id: taskId, parentId, groupId } = this.#request;
    const base = { taskId, parentId, groupId, fence: this.fence, traceback: null, doneAt: null, children: [] };
    if (!this.#parts.config.resultExtended) return base;
    const { task: name, args, kwargs, retries } = this.#request;
    return { ...base, extended: { name, args, kwargs, retries, worker: this.#parts.hostname, queue: this.#queue } };
  }

  #now(): Date {
    return new Date(this.#parts.clock.now());
  }
}

function failureFields(failure: Failure): Pick<TaskMeta, "result" | "traceback"> {
  return { result: failureDocument(failure), traceback: failure.traceback };
}
