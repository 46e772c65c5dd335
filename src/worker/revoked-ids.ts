import { isDict } from "../message/fields.ts";
import type { Clock } from "../util/clock.ts";

/** As many as Celery's worker remembers, and for so many milliseconds. Celery: `celery/worker/state.py:REVOKES_MAX`, `REVOKE_EXPIRES`. */
const MOST = 50_000;
const REMEMBERED_MS = 10_800_000;

/**
 * What this worker was told to revoke since it was started, or heard of from its neighbours: Python's workers know no other place for it, and monitors ask for it.
 * What our own kind revokes stands in the key store besides, for longer.
 */
export class RevokedIds {
  readonly #clock: Pick<Clock, "now">;
  /** With the milliseconds at which they were added, oldest first. */
  readonly #ids = new Map<string, number>();

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /** Oldest first. */
  get all(): readonly string[] {
    this.#forget();
    return [...this.#ids.keys()];
  }

  has(taskId: string): boolean {
    const at = this.#ids.get(taskId);
    return at !== undefined && this.#clock.now() - at < REMEMBERED_MS;
  }

  add(taskIds: readonly string[]): void {
    const now = this.#clock.now();
    for (const id of taskIds.slice(-MOST)) {
      this.#ids.delete(id);
      this.#ids.set(id, now);
    }
    this.#forget();
  }

  /** What another worker says of its own: a list of ids, or, of older versions, an object with them as its keys. What is neither is passed over. */
  addHeard(heard: unknown): void {
    const ids = Array.isArray(heard) ? (heard as readonly unknown[]) : isDict(heard) ? Object.keys(heard) : [];
    this.add(ids.filter((id) => typeof id === "string"));
  }

  #forget(): void {
    const oldest = this.#clock.now() - REMEMBERED_MS;
    for (const [id, at] of this.#ids) {
      if (at > oldest && this.#ids.size <= MOST) return;
      this.#ids.delete(id);
    }
  }
}
