import { deferred } from "./deferred.ts";
import type { Deferred } from "./deferred.ts";

/** Values from a producer that does not wait, to consumers that do. First in, first out. */
export class AsyncQueue<T extends object> implements AsyncIterable<T> {
  /** What nobody has got yet begins at `#head`; the places before it are empty, and dropped from time to time. */
  #values: (T | undefined)[] = [];
  #head = 0;
  #waiting: Deferred<IteratorResult<T, undefined>>[] = [];
  #ended = false;
  #failure: unknown;

  get size(): number {
    return this.#values.length - this.#head;
  }

  /** Ignored once the queue has ended. */
  push(value: T): void {
    if (this.#ended) return;
    const next = this.#waiting.shift();
    if (next === undefined) this.#values.push(value);
    else next.resolve({ done: false, value });
  }

  /** The next value, where it is here already. */
  poll(): T | undefined {
    return this.#shift();
  }

  /** Takes a value out before anybody gets it; false when it is not waiting here. Costs O(size). */
  delete(value: T): boolean {
    const index = this.#values.indexOf(value, this.#head);
    if (index === -1) return false;
    this.#values.splice(index, 1);
    return true;
  }

  /** Ends every iteration, with `failure` where one is given, and returns the values that nobody got. */
  end(failure?: unknown): readonly T[] {
    const left = this.#values.slice(this.#head) as T[];
    if (!this.#ended) this.#failure = failure;
    this.#ended = true;
    this.#values = [];
    this.#head = 0;
    for (const next of this.#waiting) this.#last().then(next.resolve, next.reject);
    this.#waiting = [];
    return left;
  }

  /** Each value goes to one iteration only. Leaving a loop loses nothing: the next one goes on. */
  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return { next: () => this.#next() };
  }

  #next(): Promise<IteratorResult<T, undefined>> {
    const value = this.#shift();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.#ended) return this.#last();
    const next = deferred<IteratorResult<T, undefined>>();
    this.#waiting.push(next);
    return next.promise;
  }

  #shift(): T | undefined {
    const value = this.#values[this.#head];
    if (value === undefined) return undefined;
    this.#values[this.#head] = undefined;
    this.#head += 1;
    if (this.#head * 2 > this.#values.length) {
      this.#values.splice(0, this.#head);
      this.#head = 0;
    }
    return value;
  }

  /** A failure is told once; after it, as after a plain end, there is nothing more. */
  #last(): Promise<IteratorResult<T, undefined>> {
    const failure = this.#failure;
    this.#failure = undefined;
    return failure === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(failure);
  }
}
