/** A priority queue: the smallest value by `isBefore` comes out first. Adding and taking cost O(log n). */
export class MinHeap<T> {
  readonly #isBefore: (a: T, b: T) => boolean;
  #values: T[] = [];

  constructor(isBefore: (a: T, b: T) => boolean) {
    this.#isBefore = isBefore;
  }

  get size(): number {
    return this.#values.length;
  }

  peek(): T | undefined {
    return this.#values[0];
  }

  push(value: T): void {
    const values = this.#values;
    let index = values.length;
    values.push(value);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = values[parent] as T;
      if (!this.#isBefore(value, above)) break;
      values[index] = above;
      index = parent;
    }
    values[index] = value;
  }

  pop(): T | undefined {
    const values = this.#values;
    const first = values[0];
    const last = values.pop();
    if (last !== undefined && values.length > 0) this.#sink(last);
    return first;
  }

  /** Takes everything out, in no order. */
  drain(): readonly T[] {
    const values = this.#values;
    this.#values = [];
    return values;
  }

  /** Takes one value out, wherever it stands, in O(n). False when it is not there. */
  delete(value: T): boolean {
    const values = this.drain();
    for (const other of values) if (other !== value) this.push(other);
    return this.size < values.length;
  }

  /** Places `value` at the root and moves it down to where it belongs. */
  #sink(value: T): void {
    const values = this.#values;
    const size = values.length;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#isBefore(values[child + 1] as T, values[child] as T)) child += 1;
      const below = values[child] as T;
      if (!this.#isBefore(below, value)) break;
      values[index] = below;
      index = child;
    }
    values[index] = value;
  }
}
