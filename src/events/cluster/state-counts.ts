interface Counts {
  readonly key: string;
  readonly byState: Map<string, number>;
}

/** How many tasks are in which state, for each key of one kind, such as each name. What is 0 is left out. */
export class StateCounts {
  readonly #keys = new Map<string, Counts>();

  /** Gives the copy of the key that is kept here. */
  add(key: string, state: string): string {
    let counts = this.#keys.get(key);
    if (counts === undefined) {
      counts = { key, byState: new Map() };
      this.#keys.set(key, counts);
    }
    counts.byState.set(state, (counts.byState.get(state) ?? 0) + 1);
    return counts.key;
  }

  /** What was added before. */
  remove(key: string, state: string): void {
    const byState = this.#keys.get(key)?.byState;
    const count = byState?.get(state) ?? 0;
    if (count > 1) byState?.set(state, count - 1);
    else byState?.delete(state);
    if (byState?.size === 0) this.#keys.delete(key);
  }

  /** Key → state → tasks, as it is now. */
  all(): ReadonlyMap<string, ReadonlyMap<string, number>> {
    return new Map([...this.#keys].map(([key, { byState }]) => [key, new Map(byState)]));
  }
}
