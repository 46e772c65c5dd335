/** How many runs of each task a worker has begun. Celery: `celery/worker/state.py:total_count`. */
export class TaskTotals {
  readonly #totals = new Map<string, number>();
  #total = 0;

  /** Of all tasks. */
  get total(): number {
    return this.#total;
  }

  /** By the tasks' names. */
  get byTask(): ReadonlyMap<string, number> {
    return this.#totals;
  }

  add(task: string): void {
    this.#total += 1;
    this.#totals.set(task, (this.#totals.get(task) ?? 0) + 1);
  }
}
