import type { RevokeOptions } from "../app/revoke.ts";
import { readFailure } from "../backend/failure.ts";
import type { ResultBackend } from "../backend/result-backend.ts";
import { isReady, type TaskMeta, type TaskState } from "../backend/task-meta.ts";
import type { Abortable } from "../util/abortable.ts";
import type { Clock } from "../util/clock.ts";
import { untilAborted } from "../util/until-aborted.ts";
import { within } from "../util/within.ts";
import { ResultTimeoutError, TaskFailedError, TaskRevokedError } from "./errors.ts";
import type { ResultWatcher } from "./result-watcher.ts";

/** What a result needs of its app. */
export interface ResultSource {
  readonly clock: Clock;
  /** Rejects with ResultBackendUnavailableError when there is none. */
  resultBackend(): Promise<ResultBackend>;
  resultWatcher(): Promise<ResultWatcher>;
  revoke(taskIds: readonly string[], options?: RevokeOptions): Promise<void>;
  result(taskId: string): AsyncResult;
}

export interface GetOptions extends Abortable {
  /** How long to wait, in milliseconds. @default without end */
  readonly timeoutMs?: number;
}

/**
 * The result of a task that was sent: it may not exist yet. Not a thenable on purpose: `await task.delay()` gives the
 * result object as soon as the broker has the message, and `await result.get()` waits for the task.
 */
export class AsyncResult<Result = unknown> {
  readonly id: string;
  /** Id of the task that sent this one. */
  readonly parentId: string | null;
  readonly #source: ResultSource;

  constructor(source: ResultSource, id: string, parentId: string | null = null) {
    this.#source = source;
    this.id = id;
    this.parentId = parentId;
  }

  /**
   * The task's value, once it has ended. Rejects with TaskFailedError, TaskRevokedError, ResultTimeoutError, or the
   * signal's reason.
   */
  async get(options: GetOptions = {}): Promise<Result> {
    return this.#valueOf(await this.#ended(options));
  }

  /** The state as last stored; PENDING when nothing is known of the task, be it waiting or never sent. */
  async state(): Promise<TaskState> {
    return (await this.meta())?.state ?? "PENDING";
  }

  /** Whether the task has ended. */
  async ready(): Promise<boolean> {
    return isReady(await this.state());
  }

  /** All that is stored of the task. */
  async meta(): Promise<TaskMeta | undefined> {
    const backend = await this.#source.resultBackend();
    return (await backend.fetch([this.id])).get(this.id);
  }

  /** Results of the tasks that this one sent, known once it has ended. */
  async children(): Promise<readonly AsyncResult[]> {
    const tuples = (await this.meta())?.children ?? [];
    return tuples.flatMap((tuple) => this.#childOf(tuple));
  }

  /** Deletes what is stored; the task itself goes on. */
  async forget(): Promise<void> {
    const backend = await this.#source.resultBackend();
    await backend.forget([this.id]);
  }

  /**
   * Keeps the task from starting, wherever and whenever that would be, and stores REVOKED at once unless it has ended. A run
   * that is under way is ended within a second or two with `terminate`; without, it goes on, and its outcome replaces REVOKED.
   * Celery: `celery/worker/control.py:_revoke`.
   */
  async revoke(options?: RevokeOptions): Promise<void> {
    await this.#source.revoke([this.id], options);
  }

  async #ended({ timeoutMs, signal }: GetOptions): Promise<TaskMeta> {
    if (timeoutMs === undefined) return this.#watch(signal);
    const error = (): Error => new ResultTimeoutError(this.id, timeoutMs);
    return within({ clock: this.#source.clock, ms: timeoutMs, error, signal }, (until) => this.#watch(until.signal));
  }

  async #watch(signal: AbortSignal | undefined): Promise<TaskMeta> {
    const watcher = await untilAborted(this.#source.resultWatcher(), signal);
    return watcher.ended(this.id, { signal });
  }

  #valueOf(meta: TaskMeta): Result {
    if (meta.state === "SUCCESS") return meta.result as Result;
    const failure = readFailure(meta.result, meta.traceback);
    if (meta.state === "REVOKED") {
      const [reason] = failure.exc_message;
      throw new TaskRevokedError(this.id, typeof reason === "string" ? reason : "revoked");
    }
    throw new TaskFailedError(this.id, failure);
  }

  /** Result tuple: `[[id, parent], children]`. Source: `celery/result.py:result_from_tuple`. */
  #childOf(tuple: unknown): readonly AsyncResult[] {
    const head: unknown = Array.isArray(tuple) ? tuple[0] : undefined;
    const id: unknown = Array.isArray(head) ? head[0] : undefined;
    return typeof id === "string" ? [this.#source.result(id)] : [];
  }
}
