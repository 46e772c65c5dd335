import { endOfTurn } from "./end-of-turn.ts";

/** So many batches in a row may go without a turn of the event loop: then others get theirs, and it is seen whether anybody else adds by now. */
const LONE_BATCHES = 16;

/**
 * Group commit: what is added during one turn of the event loop, or while an earlier batch is under way, goes into one call of `run`.
 * Batches run one after the other, in the order of adding, so that a slow `run` gets larger batches instead of more calls; what is flushed is begun
 * in that order too, but waits for none: for what a connection keeps in order.
 *
 * Whoever had a whole turn to himself is taken to be alone: his next batches wait for nobody, as a turn may cost more than the batch.
 */
export class Batcher<T, R> {
  readonly #run: (items: readonly T[]) => Promise<readonly R[]>;
  readonly #isolates: (error: unknown) => boolean;
  #waiting: Call<T, R>[] = [];
  #size = 0;
  #working: Promise<void> | undefined;
  /** Batches that were not waited for by the next. */
  readonly #ahead = new Set<Promise<void>>();
  /** How many more batches of one call wait for no turn. */
  #loneBatches = 0;

  /** `run` answers with one result for each item, in their order; when it rejects, so does everything that was added to that batch. */
  constructor(run: (items: readonly T[]) => Promise<readonly R[]>, { isolates = never }: BatcherOptions = {}) {
    this.#run = run;
    this.#isolates = isolates;
  }

  add(item: T): Promise<R> {
    return new Promise((resolve, reject) => this.submit(item, resolve, reject));
  }

  /** As `add`, for whoever can do without a promise. Neither function may throw. */
  submit(item: T, resolve: (result: R) => void, reject: (error: unknown) => void): void {
    this.#enter({ items: [item], resolve: ([result]) => resolve(result as R), reject });
  }

  /** Items that belong together: they are in the same batch, and settle as one. */
  addAll(items: readonly T[]): Promise<readonly R[]> {
    return new Promise((resolve, reject) => this.submitAll(items, resolve, reject));
  }

  /** As `addAll`, for whoever can do without a promise. Neither function may throw. */
  submitAll(items: readonly T[], resolve: (results: readonly R[]) => void, reject: (error: unknown) => void): void {
    this.#enter({ items, resolve, reject });
  }

  /** How many items wait. */
  get size(): number {
    return this.#size;
  }

  /** Runs what is waiting at once, whatever is under way: `run` is called before this returns. */
  flush(): void {
    if (this.#waiting.length === 0) return;
    const batch = this.#runBatch(this.#takeWaiting());
    this.#ahead.add(batch);
    void batch.then(() => this.#ahead.delete(batch));
  }

  /** Resolves once nothing is waiting or under way. */
  async idle(): Promise<void> {
    while (this.#working !== undefined || this.#ahead.size > 0) await Promise.all([this.#working, ...this.#ahead]);
  }

  #enter(call: Call<T, R>): void {
    this.#waiting.push(call);
    this.#size += call.items.length;
    this.#working ??= this.#work();
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      await this.#gather();
      await this.#runBatch(this.#takeWaiting());
    }
    this.#working = undefined;
  }

  #takeWaiting(): readonly Call<T, R>[] {
    const calls = this.#waiting;
    this.#waiting = [];
    this.#size = 0;
    if (calls.length !== 1) this.#loneBatches = 0;
    return calls;
  }

  /** Waits for those who add in the same turn, unless there are none. */
  async #gather(): Promise<void> {
    if (this.#loneBatches > 0) {
      this.#loneBatches -= 1;
    } else {
      await endOfTurn();
      this.#loneBatches = LONE_BATCHES;
    }
  }

  async #runBatch(calls: readonly Call<T, R>[]): Promise<void> {
    if (calls.length === 0) return;
    const items = calls.flatMap((call) => call.items);
    let results: readonly R[];
    try {
      results = await this.#run(items);
      if (results.length !== items.length) throw new Error(`A batch of ${items.length} got ${results.length} results.`);
    } catch (error) {
      if (calls.length > 1 && this.#isolates(error)) for (const call of calls) await this.#runBatch([call]);
      else for (const call of calls) call.reject(error);
      return;
    }
    let start = 0;
    for (const call of calls) call.resolve(results.slice(start, (start += call.items.length)));
  }
}

export interface BatcherOptions {
  /**
   * Whether an error may be one call's fault, and means that nothing of the batch was done: its calls are then run one by one, so that only the
   * guilty rejects. @default never
   */
  readonly isolates?: (error: unknown) => boolean;
}

interface Call<T, R> {
  readonly items: readonly T[];
  readonly resolve: (results: readonly R[]) => void;
  readonly reject: (error: unknown) => void;
}

function never(): boolean {
  return false;
}
