/** As many as Celery's worker remembers. Celery: `celery/worker/state.py:REVOKES_MAX`. */
const MOST = 50_000;

/** What this worker was told to revoke since it was started: for Python's workers and monitors, who ask for it. Whether a task may start is asked of the key store. */
export class RevokedIds {
  readonly #ids = new Set<string>();

  /** Oldest first. */
  get all(): readonly string[] {
    return [...this.#ids];
  }

  add(taskIds: readonly string[]): void {
    for (const id of taskIds) {
      this.#ids.delete(id);
      this.#ids.add(id);
    }
    for (const id of this.#ids) {
      if (this.#ids.size <= MOST) return;
      this.#ids.delete(id);
    }
  }
}
