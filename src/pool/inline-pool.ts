import { deferred } from "../util/deferred.ts";
import { toError } from "../util/errors.ts";
import type { Clock } from "../util/clock.ts";
import type { Pool, PoolJob, PoolOutcome, RunOptions } from "./pool.ts";

/** Runs the body of one task. Never rejects for the task's own failure. */
export type RunTask = (job: PoolJob, run: RunHooks) => Promise<PoolOutcome>;

/** What a run has of its pool. */
export interface RunHooks {
  /** Aborts at the soft limit and when the run is given up. */
  readonly signal: AbortSignal;
  /** Whether the run was given up: nobody waits for its outcome, and nothing may be committed any more. */
  readonly isGivenUp: boolean;
  readonly onProgress: RunOptions["onProgress"];
}

export interface InlinePoolOptions {
  readonly size: number;
  readonly runTask: RunTask;
  readonly clock: Clock;
  /** Made the signal's reason at the soft limit. */
  readonly softLimitError: (limitMs: number) => Error;
}

/**
 * Tasks on this event loop, `size` at once. A run cannot be ended from outside: at the hard limit, and when aborted, it is
 * given up, and whatever it still does goes on unheard.
 */
export class InlinePool implements Pool {
  readonly #options: InlinePoolOptions;
  #size: number;
  #busy = 0;

  constructor(options: InlinePoolOptions) {
    this.#options = options;
    this.#size = options.size;
  }

  get size(): number {
    return this.#size;
  }

  get busy(): number {
    return this.#busy;
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  async run(job: PoolJob, options: RunOptions): Promise<PoolOutcome> {
    this.#busy += 1;
    try {
      return await this.#runWithin(job, options);
    } finally {
      this.#busy -= 1;
    }
  }

  resize(size: number): Promise<void> {
    this.#size = size;
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  /** The run against its limits and its abort: whichever is first decides the outcome. */
  async #runWithin(job: PoolJob, options: RunOptions): Promise<PoolOutcome> {
    const { signal, softMs, hardMs } = options;
    const run = new Run(options.onProgress);
    const givenUp = deferred<PoolOutcome>();
    const giveUp = (outcome: PoolOutcome): void => {
      run.giveUp();
      givenUp.resolve(outcome);
    };
    const abort = (): void => giveUp({ kind: "aborted" });
    if (signal?.aborted === true) abort();
    signal?.addEventListener("abort", abort);
    const limits = softMs === null && hardMs === null ? undefined : new AbortController();
    if (softMs !== null) this.#after(softMs, limits, () => run.tell(this.#options.softLimitError(softMs)));
    if (hardMs !== null) this.#after(hardMs, limits, () => giveUp({ kind: "timed-out", limitMs: hardMs }));
    try {
      return await Promise.race([this.#runTask(job, run), givenUp.promise]);
    } finally {
      signal?.removeEventListener("abort", abort);
      limits?.abort();
    }
  }

  async #runTask(job: PoolJob, run: Run): Promise<PoolOutcome> {
    try {
      return await this.#options.runTask(job, run);
    } catch (error) {
      return { kind: "lost", cause: toError(error) };
    }
  }

  #after(ms: number, until: AbortController | undefined, act: () => void): void {
    this.#options.clock.sleep(ms, { signal: until?.signal }).then(act, () => undefined); // the run ended first
  }
}

/** One run's hooks. Its signal is made when somebody asks: most tasks never look. */
class Run implements RunHooks {
  readonly onProgress: RunOptions["onProgress"];
  isGivenUp = false;
  #controller: AbortController | undefined;
  #reason: Error | undefined;

  constructor(onProgress: RunOptions["onProgress"]) {
    this.onProgress = onProgress;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Aborts the signal. */
  tell(reason: Error): void {
    this.#reason ??= reason;
    this.#controller?.abort(this.#reason);
  }

  giveUp(): void {
    this.isGivenUp = true;
    this.tell(new Error("The run was given up: its time is over, or its worker stops."));
  }
}
