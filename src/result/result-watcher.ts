import { ResultBackendUnavailableError } from "../backend/errors.ts";
import type { ResultBackend, ResultWatch } from "../backend/result-backend.ts";
import { isReady, type TaskMeta } from "../backend/task-meta.ts";
import type { Abortable } from "../util/abortable.ts";
import { toError } from "../util/errors.ts";

/** Is told of tasks, never before `follow` has returned. */
export interface EndListener {
  /** A task has ended; once for each. */
  readonly hear: (meta: TaskMeta) => void;
  /** No more will be told. */
  readonly fail: (error: Error) => void;
}

interface Waiter {
  /** Tasks that have not ended. */
  readonly open: Set<string>;
  readonly listener: EndListener;
}

/** Waits for any number of results through one watch of the backend. */
export class ResultWatcher implements AsyncDisposable {
  readonly #watch: ResultWatch;
  readonly #waiters = new Map<string, Set<Waiter>>();

  constructor(backend: ResultBackend) {
    this.#watch = backend.watch((meta) => this.#hear(meta));
  }

  /** The task's meta once it has ended. Rejects with the signal's reason when aborted, and with ResultBackendUnavailableError. */
  ended(taskId: string, { signal }: Abortable): Promise<TaskMeta> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const abort = (): void => {
        stop();
        reject(signal?.reason as Error);
      };
      const stop = this.follow([taskId], {
        hear: (meta) => {
          signal?.removeEventListener("abort", abort);
          resolve(meta);
        },
        fail: (error) => {
          signal?.removeEventListener("abort", abort);
          reject(error);
        },
      });
      signal?.addEventListener("abort", abort, { once: true });
    });
  }

  /** Tells of each of these tasks once it has ended, until the function that it returns is called. However many they are, they are one request to the backend. */
  follow(taskIds: Iterable<string>, listener: EndListener): () => void {
    const waiter: Waiter = { open: new Set(taskIds), listener };
    const fresh = [...waiter.open].filter((taskId) => this.#addWaiter(taskId, waiter));
    if (fresh.length > 0) this.#watch.add(fresh).catch((error: unknown) => this.#fail(fresh, toError(error)));
    return () => this.#removeWaiter(waiter);
  }

  /** Rejects all who still wait. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#fail([...this.#waiters.keys()], new ResultBackendUnavailableError("of this app", "the app was closed."));
    await this.#watch[Symbol.asyncDispose]();
  }

  #hear(meta: TaskMeta): void {
    const { taskId, state } = meta;
    const waiters = this.#waiters.get(taskId);
    if (waiters === undefined || !isReady(state)) return;
    this.#waiters.delete(taskId);
    this.#watch.remove([taskId]);
    for (const { open, listener } of waiters) if (open.delete(taskId)) listener.hear(meta);
  }

  /** Nobody would hear of these tasks. */
  #fail(taskIds: readonly string[], error: Error): void {
    const waiters = new Set(taskIds.flatMap((taskId) => [...(this.#waiters.get(taskId) ?? [])]));
    for (const waiter of waiters) {
      this.#removeWaiter(waiter);
      waiter.listener.fail(error);
    }
  }

  /** Whether the task was not watched before. */
  #addWaiter(taskId: string, waiter: Waiter): boolean {
    const waiters = this.#waiters.get(taskId);
    if (waiters === undefined) this.#waiters.set(taskId, new Set([waiter]));
    else waiters.add(waiter);
    return waiters === undefined;
  }

  #removeWaiter(waiter: Waiter): void {
    const left = [...waiter.open].filter((taskId) => {
      const waiters = this.#waiters.get(taskId);
      return waiters?.delete(waiter) === true && waiters.size === 0;
    });
    waiter.open.clear();
    for (const taskId of left) this.#waiters.delete(taskId);
    if (left.length > 0) this.#watch.remove(left);
  }
}
