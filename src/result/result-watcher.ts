import { ResultBackendUnavailableError } from "../backend/errors.ts";
import type { ResultBackend, ResultWatch } from "../backend/result-backend.ts";
import { isReady, type TaskMeta } from "../backend/task-meta.ts";
import type { Abortable } from "../util/abortable.ts";
import { toError } from "../util/errors.ts";

interface Waiter {
  readonly hear: (meta: TaskMeta) => void;
  readonly fail: (error: Error) => void;
}

/** Waits for any number of results through one watch of the backend. */
export class ResultWatcher implements AsyncDisposable {
  readonly #watch: ResultWatch;
  readonly #waiters = new Map<string, Set<Waiter>>();

  constructor(backend: ResultBackend) {
    this.#watch = backend.watch((meta) => this.#hear(meta));
  }

  /** The task's meta once it has ended. Rejects with the signal's reason when aborted, and with ResultBackendUnavailableError. */
  ended(taskId: string, options: Abortable): Promise<TaskMeta> {
    const { signal } = options;
    return new Promise((resolve, reject) => {
      const settle = (end: () => void): void => {
        signal?.removeEventListener("abort", abort);
        this.#removeWaiter(taskId, waiter);
        end();
      };
      const waiter: Waiter = {
        hear: (meta) => settle(() => resolve(meta)),
        fail: (error) => settle(() => reject(error)),
      };
      const abort = (): void => waiter.fail(signal?.reason as Error);
      if (signal?.aborted === true) {
        abort();
        return;
      }
      signal?.addEventListener("abort", abort, { once: true });
      if (this.#addWaiter(taskId, waiter)) this.#watchFor(taskId);
    });
  }

  /** Rejects all who still wait. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new ResultBackendUnavailableError("of this app", "the app was closed.");
    for (const taskId of [...this.#waiters.keys()]) this.#fail(taskId, closed);
    await this.#watch[Symbol.asyncDispose]();
  }

  #watchFor(taskId: string): void {
    this.#watch.add([taskId]).catch((error: unknown) => this.#fail(taskId, toError(error)));
  }

  #hear(meta: TaskMeta): void {
    if (!isReady(meta.state)) return;
    for (const waiter of [...(this.#waiters.get(meta.taskId) ?? [])]) waiter.hear(meta);
  }

  #fail(taskId: string, error: Error): void {
    for (const waiter of [...(this.#waiters.get(taskId) ?? [])]) waiter.fail(error);
  }

  /** Whether the task was not watched before. */
  #addWaiter(taskId: string, waiter: Waiter): boolean {
    const waiters = this.#waiters.get(taskId);
    if (waiters !== undefined) {
      waiters.add(waiter);
      return false;
    }
    this.#waiters.set(taskId, new Set([waiter]));
    return true;
  }

  #removeWaiter(taskId: string, waiter: Waiter): void {
    const waiters = this.#waiters.get(taskId);
    waiters?.delete(waiter);
    if (waiters?.size !== 0) return;
    this.#waiters.delete(taskId);
    this.#watch.remove([taskId]);
  }
}
