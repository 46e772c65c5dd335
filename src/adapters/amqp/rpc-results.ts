import type { TaskMeta } from "../../backend/task-meta.ts";
import type { Clock } from "../../util/clock.ts";

/** So many results are kept for whoever asks; of more, the oldest are forgotten. */
const MAX_RESULTS = 100_000;

interface Kept {
  readonly meta: TaskMeta;
  /** In milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** What has come for this process. */
export class RpcResults {
  readonly #clock: Clock;
  readonly #expiresMs: number;
  readonly #kept = new Map<string, Kept>();

  constructor(clock: Clock, expiresMs: number) {
    this.#clock = clock;
    this.#expiresMs = expiresMs > 0 ? expiresMs : Number.POSITIVE_INFINITY;
  }

  /** False when it is a success already: nothing replaces that. */
  put(meta: TaskMeta): boolean {
    if (this.get(meta.taskId)?.state === "SUCCESS") return false;
    this.#kept.delete(meta.taskId); // the latest stand last
    this.#kept.set(meta.taskId, { meta, expiresAt: this.#clock.now() + this.#expiresMs });
    this.#makeRoom();
    return true;
  }

  get(taskId: string): TaskMeta | undefined {
    const kept = this.#kept.get(taskId);
    if (kept === undefined || kept.expiresAt > this.#clock.now()) return kept?.meta;
    this.#kept.delete(taskId);
    return undefined;
  }

  delete(taskId: string): void {
    this.#kept.delete(taskId);
  }

  /** Those that came first expire first. */
  #makeRoom(): void {
    const now = this.#clock.now();
    for (const [taskId, { expiresAt }] of this.#kept) {
      if (this.#kept.size <= MAX_RESULTS && expiresAt > now) return;
      this.#kept.delete(taskId);
    }
  }
}
