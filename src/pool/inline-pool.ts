import { toError } from "../util/errors.ts";
import type { Clock } from "../util/clock.ts";
import type { Pool, PoolJob, PoolOutcome, RunOptions } from "./pool.ts";

/** Runs the body of one task. Never rejects for the task's own failure. */
export type RunTask = (job: PoolJob, options: RunTaskOptions) => Promise<PoolOutcome>;

export interface RunTaskOptions {
  /** Aborts at the soft limit and when the run is to end. */
  readonly signal: AbortSignal;
  /** Aborted once nobody waits for the outcome any more: nothing may be committed then. */
  readonly abandoned: AbortSignal;
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
 * Tasks on this event loop, `size` at once. A run cannot be ended from outside: at the hard limit, and when aborted, its
 * outcome is given up and whatever it still does goes on unheard.
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
      return options.softMs === null && options.hardMs === null && options.signal === undefined
        ? await this.#runTask(job, { signal: NEVER, abandoned: NEVER, onProgress: options.onProgress })
        : await this.#runWithin(job, options);
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

  async #runTask(job: PoolJob, options: RunTaskOptions): Promise<PoolOutcome> {
    try {
      return await this.#options.runTask(job, options);
    } catch (error) {
      return { kind: "lost", cause: toError(error) };
    }
  }

  /** The run against its limits and its abort: whichever is first decides the outcome. */
  async #runWithin(job: PoolJob, options: RunOptions): Promise<PoolOutcome> {
    const { clock, softLimitError } = this.#options;
    const { signal, softMs, hardMs } = options;
    const ended = new AbortController();
    const told = new AbortController();
    const after = async (ms: number): Promise<boolean> =>
      clock.sleep(ms, { signal: ended.signal }).then(
        () => true,
        () => false, // the run ended first
      );

    const { onProgress } = options;
    const hooks = { signal: told.signal, abandoned: ended.signal, onProgress };
    const contenders: Promise<PoolOutcome>[] = [this.#runTask(job, hooks)];
    if (softMs !== null) void after(softMs).then((over) => over && told.abort(softLimitError(softMs)));
    if (hardMs !== null) {
      const timedOut: PoolOutcome = { kind: "timed-out", limitMs: hardMs };
      contenders.push(after(hardMs).then((over) => (over ? timedOut : never())));
    }
    if (signal !== undefined) contenders.push(aborted(signal, ended.signal));
    try {
      const outcome = await Promise.race(contenders);
      if (outcome.kind === "timed-out" || outcome.kind === "aborted") told.abort(signal?.reason);
      return outcome;
    } finally {
      ended.abort();
    }
  }
}

const NEVER: AbortSignal = new AbortController().signal;

function never(): Promise<never> {
  return new Promise(() => undefined);
}

function aborted(signal: AbortSignal, until: AbortSignal): Promise<PoolOutcome> {
  return new Promise((resolve) => {
    const end = (): void => resolve({ kind: "aborted" });
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true, signal: until });
  });
}
