import type { ResultBackend, ResultWatch } from "../backend/result-backend.ts";
import { isReady, type TaskMeta } from "../backend/task-meta.ts";
import type { Abortable } from "../util/abortable.ts";

type Waiter = (meta: TaskMeta) => void;

/** Waits for any number of results through one watch of the backend. */
export class ResultWatcher implements AsyncDisposable {
  readonly #watch: ResultWatch;
  readonly #waiters = new Map<string, Set<Waiter>>();

  constructor(backend: ResultBackend) {
    this.#watch = backend.watch((meta) => this.#hear(meta));
  }

  /** The task's meta once it has ended. Rejects with the signal's reason when aborted. */
  ended(taskId: string, options: Abortable): Promise<TaskMeta> {
    const { signal } = options;
    return new Promise((resolve, reject) => {
      const settle = (end: () => void): void => {
        signal?.removeEventListener("abort", abort);
        this.#removeWaiter(taskId, hear);
        end();
      };
      const hear: Waiter = (meta) => settle(() => resolve(meta));
      const abort = (): void => settle(() => reject(signal?.reason as Error));
      if (signal?.aborted === true) {
        abort();
        return;
      }
      signal?.addEventListener("abort", abort, { once: true });
      if (this.#addWaiter(taskId, hear)) {
        this.#watch.add([taskId]).catch((error: unknown) => settle(() => reject(error)));
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watch[Symbol.asyncDispose]();
  }

  #hear(meta: TaskMeta): void {
    if (!isReady(meta.state)) return;
    for (const waiter of [...(this.#waiters.get(meta.taskId) ?? [])]) waiter(meta);
  }

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
