import { failureDocument, type Failure } from "../backend/failure.ts";
import { childrenOf, type ResultNode } from "../backend/groups.ts";
import type { TaskMeta, TaskState } from "../backend/task-meta.ts";
import type { Delivery } from "../broker/broker.ts";
import type { EncodedJson } from "../message/json.ts";
import type { SignatureDict, TaskRequest } from "../message/task-request.ts";
import { metaOfNeverRun, type Told } from "./never-run.ts";
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

  succeeded(value: EncodedJson, children: readonly ResultNode[]): TaskMeta {
    return this.#ended("SUCCESS", value, null, children);
  }

  failed(failure: Failure, children: readonly ResultNode[] = []): TaskMeta {
    return this.#ended("FAILURE", failureDocument(failure), failure.traceback, children);
  }

  /** Of a task that was to follow and never will; undefined for one without an id. */
  neverRun(task: SignatureDict, failure: Failure, told?: Told): TaskMeta | undefined {
    const meta = metaOfNeverRun(task, failure, this.#parts, told);
    const { replyTo } = this.#request;
    return meta && { replyTo, ...meta, fence: this.#delivery.fence, isFirstRun: this.#isFirstRun };
  }

  retried(failure: Failure): TaskMeta {
    return this.#underWay("RETRY", failureDocument(failure), failure.traceback);
  }

  #underWay(state: TaskState, result: unknown, traceback: string | null = null): TaskMeta {
    return this.#meta(state, result, traceback, null, []);
  }

  #ended(state: TaskState, result: unknown, traceback: string | null, children: readonly ResultNode[]): TaskMeta {
    return this.#meta(state, result, traceback, new Date(this.#parts.clock.now()), childrenOf(children));
  }

  /** Written out: what is spread over and over costs each task more. */
  #meta(
    state: TaskState,
    result: unknown,
    traceback: string | null,
    doneAt: Date | null,
    children: readonly unknown[],
  ): TaskMeta {
    const { id: taskId, parentId, groupId, replyTo } = this.#request;
    const { fence } = this.#delivery;
    const isFirstRun = this.#isFirstRun;
    const meta = { taskId, state, result, traceback, parentId, groupId, doneAt, children, fence, isFirstRun, replyTo };
    return this.#parts.config.resultExtended ? { ...meta, extended: this.#extended() } : meta;
  }

  get #isFirstRun(): boolean {
    return this.#delivery.deliveries === 1 && this.#request.retries === 0;
  }

  #extended(): NonNullable<TaskMeta["extended"]> {
    const { task: name, args, kwargs, retries, stamps } = this.#request;
    return { name, args, kwargs, retries, worker: this.#parts.hostname, queue: this.#delivery.queue, stamps };
  }
}
