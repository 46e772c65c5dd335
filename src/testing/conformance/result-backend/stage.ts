import type { ResultBackend, ResultWatch } from "../../../backend/result-backend.ts";
import type { TaskMeta } from "../../../backend/task-meta.ts";
import type { Clock } from "../../../util/clock.ts";
import { eventually } from "../waiting.ts";

/** Where results are kept: a database, a server. Disposing of it removes them. */
export interface ResultPlace extends AsyncDisposable {
  /** A backend on this place, not open yet. Every call makes another one, as another process would. Disposed by the suite. */
  createBackend(options: { readonly resultExpiresMs: number }): ResultBackend;
}

const DAY_MS = 86_400_000;

/** A life of results, in milliseconds: long enough for a slow machine to read them before it is over. */
export const SHORT_MS = 1_500;

/** How many records are many. */
export const MANY = 5_000;

export const FAILURE: object = { exc_type: "ValueError", exc_message: ["no such luck", 7], exc_module: "builtins" };

/** Opens backends on one place, and closes them. */
export class ResultStage implements AsyncDisposable {
  readonly #place: ResultPlace;
  readonly #clock: Clock;
  readonly #backends: ResultBackend[] = [];

  constructor(place: ResultPlace, clock: Clock) {
    this.#place = place;
    this.#clock = clock;
  }

  async open(resultExpiresMs: number = DAY_MS): Promise<ResultBackend> {
    const backend = this.#place.createBackend({ resultExpiresMs });
    this.#backends.push(backend);
    await backend.open();
    return backend;
  }

  /** Lets time go by, in milliseconds. */
  pass(ms: number): Promise<void> {
    return this.#clock.sleep(ms);
  }

  eventually(check: () => Promise<void> | void): Promise<void> {
    return eventually(this.#clock, check);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const backend of this.#backends) await backend[Symbol.asyncDispose]();
    await this.#place[Symbol.asyncDispose]();
  }
}

/** A watch that remembers the last it heard of every task. */
export class Heard implements AsyncDisposable {
  readonly #last = new Map<string, TaskMeta>();
  readonly #watch: ResultWatch;

  constructor(backend: ResultBackend) {
    this.#watch = backend.watch((meta) => this.#last.set(meta.taskId, meta));
  }

  get size(): number {
    return this.#last.size;
  }

  last(taskId: string): TaskMeta | undefined {
    return this.#last.get(taskId);
  }

  add(taskIds: readonly string[]): Promise<void> {
    return this.#watch.add(taskIds);
  }

  remove(taskIds: readonly string[]): void {
    this.#watch.remove(taskIds);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watch[Symbol.asyncDispose]();
  }
}

export function metaOf(taskId: string, state: string, result: unknown, more: Partial<TaskMeta> = {}): TaskMeta {
  const doneAt = ["SUCCESS", "FAILURE", "REVOKED"].includes(state) ? new Date("2026-11-22T15:30:23.660Z") : null;
  return { taskId, state, result, traceback: null, doneAt, children: [], parentId: null, groupId: null, ...more };
}

export async function stateOf(backend: ResultBackend, taskId: string): Promise<string | undefined> {
  return (await backend.fetch([taskId])).get(taskId)?.state;
}
