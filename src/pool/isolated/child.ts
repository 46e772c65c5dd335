import type { DeadLetterReason } from "../../broker/broker.ts";
import { EncodedJson } from "../../message/json.ts";
import { abortedByAny } from "../../util/aborted-by-any.ts";
import type { Clock } from "../../util/clock.ts";
import { deferred, type Deferred } from "../../util/deferred.ts";
import type { Logger } from "../../util/logger.ts";
import { NO_LONGER_NEEDED } from "../../util/no-longer-needed.ts";
import { PoolStartError } from "../errors.ts";
import type { PoolJob, PoolOutcome, RunOptions } from "../pool.ts";
import { COMMIT_MS, STUCK_COMMIT, watchRun } from "../watch-run.ts";
import type { WearLimits } from "../wear.ts";
import type { Host, HostProgram, StartHost } from "./host.ts";
import { decodeOutcome } from "./outcome-data.ts";
import type { News } from "./protocol.ts";

/** How long a child may take until it can run tasks, in milliseconds. */
const START_MS = 60_000;
/** How long a task that was given up may clean up, in milliseconds; then its host is killed. */
const CLEAN_UP_MS = 1_000;
/** How long a child that is told to end may take, in milliseconds. */
const END_MS = 2_000;
/** How long a host that was killed may take to go, in milliseconds: a thread cannot be ended while it waits in native code. */
const KILL_MS = 2_000;

export interface ChildOptions extends WearLimits {
  readonly startHost: StartHost;
  readonly program: HostProgram;
  /** For the child's program. */
  readonly setup: unknown;
  readonly clock: Clock;
  /** Gets what is logged in the child. */
  readonly log: Logger;
}

/** One child of an isolated pool as the pool sees it: it starts, runs one job at a time, and goes. */
export class Child {
  readonly #options: ChildOptions;
  readonly #host: Host;
  readonly #ready = deferred();
  readonly #gone = deferred<DeadLetterReason>();
  /** Aborts once the child is gone. */
  readonly #end = new AbortController();
  #run: Run | undefined;
  #jobs = 0;
  #isKilled = false;
  #isStuckInCommit = false;
  #uncaught: string | undefined;
  #memoryBytes: number | undefined;

  constructor(options: ChildOptions) {
    this.#options = options;
    this.#host = options.startHost(options.program, {
      onNews: (news) => this.#hear(news),
      onGone: (end) => this.#leave(end),
    });
    this.#host.post({ kind: "setup", setup: options.setup });
    this.#ready.promise.catch(() => undefined); // whoever waits for it is told
    this.#after(START_MS, this.#ready.promise, () => {
      this.#ready.reject(new PoolStartError(`The app was not loaded within ${START_MS / 1000} s.`));
      this.#kill();
    });
  }

  /** Resolves once jobs can be run; rejects with PoolStartError. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get gone(): Promise<DeadLetterReason> {
    return this.#gone.promise;
  }

  get isGone(): boolean {
    return this.#end.signal.aborted;
  }

  /** Whether a job could not be heard any more. */
  get isEnding(): boolean {
    return this.isGone || this.#host.isEnding || this.#uncaught !== undefined;
  }

  get isBusy(): boolean {
    return this.#run !== undefined;
  }

  /** Whether the last job that it was given was begun. One that was not has nothing to do with the child's death. */
  get hasBegun(): boolean {
    return this.#host.jobsBegun.count() >= this.#jobs;
  }

  /** When last weighed; 0 before. */
  get memoryBytes(): number {
    return this.#memoryBytes ?? 0;
  }

  /**
   * Runs one job. A run that is given up may clean up for a moment, then the child is killed; at the hard limit it is killed at once. Never
   * rejects.
   */
  async run({ message, delivery }: PoolJob, options: RunOptions): Promise<PoolOutcome> {
    if (options.ending.isOver) return { kind: "aborted" };
    const run = new Run(options.onProgress);
    this.#run = run;
    this.#jobs += 1;
    const stopWatching = watchRun(options, this.#options.clock, {
      softLimit: (limitMs) => this.#host.post({ kind: "soft-limit", limitMs }),
      hardLimit: (limitMs) => {
        if (run.giveUp({ kind: "timed-out", limitMs })) this.#kill();
        else this.#limitCommit(run);
      },
      aborted: () => {
        if (!run.giveUp({ kind: "aborted" })) {
          this.#limitCommit(run);
          return;
        }
        this.#host.post({ kind: "give-up" });
        this.#after(CLEAN_UP_MS, run.outcome, () => this.#kill());
      },
    });
    this.#host.post({ kind: "run", message, delivery, isWeighed: this.#options.maxMemoryBytes !== undefined });
    try {
      return await run.outcome;
    } finally {
      stopWatching();
      this.#run = undefined;
    }
  }

  /** Has the child close what it has open; kills it when it takes too long. Resolves once it is gone. */
  async retire(): Promise<void> {
    if (this.isGone) return;
    this.#host.post({ kind: "end" });
    this.#after(END_MS, this.gone, () => this.#kill());
    await this.gone;
  }

  #hear(news: News): void {
    switch (news.kind) {
      case "ready":
        this.#ready.resolve();
        break;
      case "unfit":
        this.#ready.reject(new PoolStartError(news.why));
        break;
      case "progress":
        this.#run?.report(news.value);
        break;
      case "asks-to-commit":
        this.#host.post({ kind: "may-commit", isAllowed: this.#run?.beginCommit() ?? false });
        break;
      case "ended":
        this.#memoryBytes = news.memoryBytes ?? this.#memoryBytes;
        this.#run?.end(decodeOutcome(news.outcome));
        break;
      case "log":
        this.#options.log[news.level](news.message, news.fields);
        break;
      case "uncaught":
        this.#uncaught = news.error;
        this.#options.log.error("uncaught exception in a pool's child, which ends", { error: news.error });
    }
  }

  #limitCommit(run: Run): void {
    this.#after(COMMIT_MS, run.outcome, () => {
      this.#isStuckInCommit = true;
      this.#kill();
    });
  }

  #kill(): void {
    if (this.#isKilled || this.isGone) return;
    this.#isKilled = true;
    this.#host.kill();
    this.#after(KILL_MS, this.gone, () => {
      this.#options.log.error("a pool's child cannot be ended, and is left to itself");
      this.#leave({ code: "stuck", detail: "it could not be ended" });
    });
  }

  #leave(end: DeadLetterReason): void {
    if (this.isGone) return;
    const reason = this.#reasonOf(end);
    this.#end.abort(NO_LONGER_NEEDED);
    this.#ready.reject(new PoolStartError(`It ended before it was ready: ${reason.detail}.`));
    this.#run?.end({ kind: "lost", reason, cause: new Error(`The task was lost: ${reason.detail}.`) });
    this.#gone.resolve(reason);
  }

  /** With all that is known. */
  #reasonOf(end: DeadLetterReason): DeadLetterReason {
    if (this.#isStuckInCommit) return STUCK_COMMIT;
    const { code, detail } =
      this.#uncaught === undefined
        ? end
        : { code: "uncaught-exception", detail: `${end.detail} after an uncaught exception: ${this.#uncaught}` };
    if (this.#memoryBytes === undefined) return { code, detail };
    return { code, detail: `${detail}; it had ${megabytes(this.#memoryBytes)} MB when last weighed` };
  }

  /** Does something when the time is over before `until` settles, or the child is gone. */
  #after(ms: number, until: Promise<unknown>, act: () => void): void {
    const isOver = new AbortController();
    const stop = (): void => isOver.abort(NO_LONGER_NEEDED);
    until.then(stop, stop);
    const { clock } = this.#options;
    abortedByAny([isOver.signal, this.#end.signal], (signal) => clock.sleep(ms, { signal })).then(act, () => undefined);
  }
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1024 / 1024);
}

/** One run as the pool sees it. */
class Run {
  readonly #onProgress: RunOptions["onProgress"];
  readonly #outcome: Deferred<PoolOutcome> = deferred();
  #phase: "running" | "committing" | "given-up" = "running";
  #verdict: PoolOutcome | undefined;

  constructor(onProgress: RunOptions["onProgress"]) {
    this.#onProgress = onProgress;
  }

  /** Resolves once the child has nothing to do with it any more. */
  get outcome(): Promise<PoolOutcome> {
    return this.#outcome.promise;
  }

  report(value: string): void {
    if (this.#phase !== "given-up") this.#onProgress(new EncodedJson(value));
  }

  beginCommit(): boolean {
    if (this.#phase === "given-up") return false;
    this.#phase = "committing";
    return true;
  }

  /** With what outcome, whatever the child says of it; false when it is too late, because what the run did is being committed. */
  giveUp(outcome: PoolOutcome): boolean {
    if (this.#phase === "committing") return false;
    this.#phase = "given-up";
    this.#verdict ??= outcome;
    return true;
  }

  end(outcome: PoolOutcome): void {
    this.#outcome.resolve(this.#verdict ?? outcome);
  }
}
