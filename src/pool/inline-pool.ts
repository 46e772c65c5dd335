import { failureOf } from "../backend/failure.ts";
import { deferred } from "../util/deferred.ts";
import type { Clock } from "../util/clock.ts";
import { NO_LONGER_NEEDED } from "../util/no-longer-needed.ts";
import type { Pool, PoolJob, PoolOutcome, RunOptions } from "./pool.ts";

/** Runs the body of one task. Never rejects for the task's own failure. */
export type RunTask = (job: PoolJob, run: RunHooks) => Promise<PoolOutcome>;

/** What a run has of its pool. */
export interface RunHooks {
  /** Aborts at the soft limit and when the run is given up. */
  readonly signal: AbortSignal;
  /** To be asked before the first effect, and once more before committing: false when the run was given up. */
  readonly isGivenUp: boolean;
  /** Says that committing begins: false when the run was given up; from then on it can no longer be, and its own outcome counts. */
  beginCommit(): boolean;
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
 * Tasks on this event loop, `size` at once. A body cannot be ended from outside: at the hard limit, and when its lease is lost or
 * its worker stops, its run is given up. The body may go on unheard; its resources are rolled back.
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

  /** The run against its limits and what may end it: whichever is first decides the outcome. */
  async #runWithin(job: PoolJob, options: RunOptions): Promise<PoolOutcome> {
    const { endedBy, softMs, hardMs } = options;
    if (endedBy.some((signal) => signal.aborted)) return { kind: "aborted" };
    const run = new Run(options.onProgress);
    const givenUp = deferred<PoolOutcome>();
    const giveUp = (outcome: PoolOutcome): void => {
      if (run.giveUp()) givenUp.resolve(outcome);
    };
    const abort = (): void => giveUp({ kind: "aborted" });
    for (const signal of endedBy) signal.addEventListener("abort", abort);
    const limits = softMs === null && hardMs === null ? undefined : new AbortController();
    if (softMs !== null) this.#after(softMs, limits, () => run.tell(this.#options.softLimitError(softMs)));
    if (hardMs !== null) this.#after(hardMs, limits, () => giveUp({ kind: "timed-out", limitMs: hardMs }));
    try {
      return await Promise.race([this.#runTask(job, run), givenUp.promise]);
    } finally {
      for (const signal of endedBy) signal.removeEventListener("abort", abort);
      limits?.abort(NO_LONGER_NEEDED);
    }
  }

  async #runTask(job: PoolJob, run: Run): Promise<PoolOutcome> {
    try {
      return await this.#options.runTask(job, run);
    } catch (error) {
      return { kind: "threw", failure: failureOf(error), children: [] };
    }
  }

  #after(ms: number, until: AbortController | undefined, act: () => void): void {
    this.#options.clock.sleep(ms, { signal: until?.signal }).then(act, () => undefined); // the run ended first
  }
}

/** One run's hooks. Its signal is made when somebody asks: most tasks never look. */
class Run implements RunHooks {
  readonly #onProgress: RunOptions["onProgress"];
  #phase: "running" | "committing" | "given-up" = "running";
  #controller: AbortController | undefined;
  #reason: Error | undefined;

  constructor(onProgress: RunOptions["onProgress"]) {
    this.#onProgress = onProgress;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  get isGivenUp(): boolean {
    return this.#phase === "given-up";
  }

  get onProgress(): RunOptions["onProgress"] {
    return (value) => {
      if (!this.isGivenUp) this.#onProgress(value);
    };
  }

  beginCommit(): boolean {
    if (this.isGivenUp) return false;
    this.#phase = "committing";
    return true;
  }

  /** Aborts the signal. */
  tell(reason: Error): void {
    this.#reason ??= reason;
    this.#controller?.abort(this.#reason);
  }

  /** False when it is too late: what the run did is being committed. */
  giveUp(): boolean {
    if (this.#phase === "committing") return false;
    this.#phase = "given-up";
    this.tell(new Error("The run was given up: its time is over, its lease was lost, or its worker stops."));
    return true;
  }
}
