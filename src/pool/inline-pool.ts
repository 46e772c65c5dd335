import { failureOf } from "../backend/failure.ts";
import type { Clock } from "../util/clock.ts";
import { NOWHERE, Roster, type Member } from "../util/roster.ts";
import { startTimer } from "../util/timer.ts";
import type { Pool, PoolJob, PoolOutcome, RunOptions } from "./pool.ts";
import type { RunHooks, RunTask } from "./run-hooks.ts";
import { givenUpError, RunSignal } from "./run-signal.ts";
import { Slots } from "./slots.ts";
import { COMMIT_MS, STUCK_COMMIT, watchRun } from "./watch-run.ts";
import { Wear, type WearLimits } from "./wear.ts";

export interface InlinePoolOptions extends WearLimits {
  readonly size: number;
  readonly runTask: RunTask;
  readonly clock: Clock;
  /** Made the signal's reason at the soft limit. */
  readonly softLimitError: (limitMs: number) => Error;
  /** Called once, when the process that this is has run `maxTasks`, or has `maxMemoryBytes`: nobody but its owner can replace it. */
  readonly onWornOut?: (() => void) | undefined;
}

const ABORTED: PoolOutcome = { kind: "aborted" };

/**
 * Tasks on this event loop, `size` at once. A body cannot be ended from outside: at the hard limit, and when its lease is lost or
 * its worker stops, its run is given up. The body may go on unheard; its resources are rolled back.
 */
export class InlinePool implements Pool {
  readonly #options: InlinePoolOptions;
  readonly #slots: Slots;
  readonly #running = new Roster<Run>();
  #wear: Wear | undefined;

  constructor(options: InlinePoolOptions) {
    this.#options = options;
    this.#slots = new Slots(options.size);
    this.#wear = new Wear(options);
  }

  get size(): number {
    return this.#slots.size;
  }

  get busy(): number {
    return this.#slots.taken;
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  run(job: PoolJob, options: RunOptions): PoolOutcome | Promise<PoolOutcome> {
    return this.#slots.tryTake() ? this.#runInSlot(job, options) : this.#runLater(job, options);
  }

  resize(size: number): void {
    this.#slots.resize(size);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#slots.close();
    for (const run of this.#running) run.giveUp(ABORTED);
    return Promise.resolve();
  }

  async #runLater(job: PoolJob, options: RunOptions): Promise<PoolOutcome> {
    return (await this.#slots.take(options.ending.signal)) ? this.#runInSlot(job, options) : ABORTED;
  }

  /** The run against its limits and what may end it: whichever is first decides the outcome. */
  #runInSlot(job: PoolJob, options: RunOptions): PoolOutcome | Promise<PoolOutcome> {
    if (options.ending.isOver) {
      this.#slots.release();
      return ABORTED;
    }
    const { clock, softLimitError, runTask } = this.#options;
    let ended: PoolOutcome | undefined;
    let resolve: ((outcome: PoolOutcome) => void) | undefined;
    let stopPatience: (() => void) | undefined;
    const run = new Run(options.onProgress, (outcome) => {
      stopWatching();
      stopPatience?.();
      this.#running.delete(run);
      this.#slots.release();
      this.#noteWear();
      ended = outcome;
      resolve?.(outcome);
    });
    this.#running.add(run);
    const giveUp = (outcome: PoolOutcome): void => {
      if (!run.giveUp(outcome)) stopPatience ??= startTimer(clock, COMMIT_MS, () => run.end(lostInCommit()));
    };
    const stopWatching = watchRun(options, clock, {
      softLimit: (limitMs) => run.tell(softLimitError(limitMs)),
      hardLimit: (limitMs) => giveUp({ kind: "timed-out", limitMs }),
      aborted: () => giveUp(ABORTED),
    });
    try {
      const outcome = runTask(job, run);
      if (outcome instanceof Promise) outcome.then(run.end, run.fail);
      else run.end(outcome);
    } catch (error) {
      run.fail(error);
    }
    return ended ?? new Promise((onEnd) => (resolve = onEnd));
  }

  #noteWear(): void {
    if (this.#wear?.isOutAfterTask(() => process.memoryUsage.rss()) !== true) return;
    this.#wear = undefined;
    this.#options.onWornOut?.();
  }
}

function lostInCommit(): PoolOutcome {
  return { kind: "lost", reason: STUCK_COMMIT, cause: new Error(`The task was lost: ${STUCK_COMMIT.detail}.`) };
}

/** One run's hooks, and its one end. */
class Run implements RunHooks, Member {
  place: number = NOWHERE;
  readonly #onProgress: RunOptions["onProgress"];
  readonly #onEnd: (outcome: PoolOutcome) => void;
  readonly #signal = new RunSignal();
  #phase: "running" | "committing" | "over" = "running";

  constructor(onProgress: RunOptions["onProgress"], onEnd: (outcome: PoolOutcome) => void) {
    this.#onProgress = onProgress;
    this.#onEnd = onEnd;
  }

  get signal(): AbortSignal {
    return this.#signal.signal;
  }

  get isGivenUp(): boolean {
    return this.#phase === "over";
  }

  get onProgress(): RunOptions["onProgress"] {
    return (value) => {
      if (this.#phase !== "over") this.#onProgress(value);
    };
  }

  beginCommit(): boolean {
    if (this.#phase === "over") return false;
    this.#phase = "committing";
    return true;
  }

  tell(reason: Error): void {
    this.#signal.abort(reason);
  }

  /** False when it is too late: what the run did is being committed. */
  giveUp(outcome: PoolOutcome): boolean {
    if (this.#phase === "committing") return false;
    this.end(outcome);
    this.tell(givenUpError());
    return true;
  }

  /** The first outcome counts: a body that goes on after it is not heard. */
  readonly end = (outcome: PoolOutcome): void => {
    if (this.#phase === "over") return;
    this.#phase = "over";
    this.#onEnd(outcome);
  };

  readonly fail = (error: unknown): void => {
    this.end({ kind: "threw", failure: failureOf(error), children: [] });
  };
}
