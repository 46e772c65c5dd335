/** When something that runs tasks is to be replaced; undefined for never. */
export interface WearLimits {
  /** After so many tasks. */
  readonly maxTasks?: number | undefined;
  /** Once it has so much memory after a task, in bytes. */
  readonly maxMemoryBytes?: number | undefined;
}

/** Counts what wears something out. */
export class Wear {
  readonly #limits: WearLimits;
  #tasks = 0;

  constructor(limits: WearLimits) {
    this.#limits = limits;
  }

  /** Counts a task that has ended, and says whether that was the last. `memoryBytes` is asked only where it matters. */
  isOutAfterTask(memoryBytes: () => number): boolean {
    this.#tasks += 1;
    const { maxTasks = Infinity, maxMemoryBytes } = this.#limits;
    return this.#tasks >= maxTasks || (maxMemoryBytes !== undefined && memoryBytes() >= maxMemoryBytes);
  }
}
