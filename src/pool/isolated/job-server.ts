import { failureOf } from "../../backend/failure.ts";
import { decodeTask, type DecodeTaskOptions } from "../../message/decode-task.ts";
import type { Clock } from "../../util/clock.ts";
import { deferred, type Deferred } from "../../util/deferred.ts";
import type { PoolOutcome, RunOptions } from "../pool.ts";
import type { RunHooks, RunTask } from "../run-hooks.ts";
import { givenUpError, RunSignal } from "../run-signal.ts";
import { encodeOutcome, type OutcomeData } from "./outcome-data.ts";
import type { Command, News } from "./protocol.ts";

/** Of a child that dies, the pool can tell what it had lately, also where nobody asked. */
const WEIGHED_EVERY_MS = 1_000;

export interface JobServerOptions extends DecodeTaskOptions {
  readonly runTask: RunTask;
  /** Called as soon as a job is heard of: what this child dies of after that may be the job. */
  readonly noteJob: () => void;
  /** Says something to the pool. */
  readonly post: (news: News) => void;
  /** Made the signal's reason at the soft limit. */
  readonly softLimitError: (limitMs: number) => Error;
  /** What this child has now; some 30 µs in a process. */
  readonly memoryBytes: () => number;
  readonly clock: Clock;
}

/** The child's side of an isolated pool: does what the pool says, one job at a time. */
export class JobServer {
  readonly #options: JobServerOptions;
  #run: Run | undefined;
  #weighedAt = -Infinity;

  constructor(options: JobServerOptions) {
    this.#options = options;
  }

  obey(command: Command): void {
    switch (command.kind) {
      case "run":
        void this.#serve(command);
        break;
      case "soft-limit":
        this.#run?.tell(this.#options.softLimitError(command.limitMs));
        break;
      case "give-up":
        this.#run?.giveUp();
        break;
      case "may-commit":
        this.#run?.answer(command.isAllowed);
        break;
      case "setup":
      case "end": // for the program
    }
  }

  async #serve(command: Extract<Command, { kind: "run" }>): Promise<void> {
    const { noteJob, post } = this.#options;
    noteJob();
    const run = new Run((news) => {
      if (this.#run === run) post(news); // what a task left running has no run any more
    });
    this.#run = run;
    const outcome = await this.#outcomeOf(command, run);
    this.#run = undefined;
    post({ kind: "ended", outcome, memoryBytes: this.#weigh(command.isWeighed) });
  }

  #weigh(isWanted: boolean): number | undefined {
    const { clock, memoryBytes } = this.#options;
    if (!isWanted && clock.now() - this.#weighedAt < WEIGHED_EVERY_MS) return undefined;
    this.#weighedAt = clock.now();
    return memoryBytes();
  }

  async #outcomeOf({ message, delivery }: Extract<Command, { kind: "run" }>, run: Run): Promise<OutcomeData> {
    const { runTask, accept } = this.#options;
    try {
      const request = decodeTask(message, { accept });
      return encodeOutcome((await runTask({ message, request, delivery }, run)) as Encodable);
    } catch (error) {
      return { kind: "threw", failure: failureOf(error), children: [] };
    }
  }
}

/** What runs here is not lost here. */
type Encodable = Exclude<PoolOutcome, { kind: "lost" }>;

/** One run's hooks. */
class Run implements RunHooks {
  readonly #post: (news: News) => void;
  readonly #signal = new RunSignal();
  #isGivenUp = false;
  #permission: Deferred<boolean> | undefined;

  constructor(post: (news: News) => void) {
    this.#post = post;
  }

  get signal(): AbortSignal {
    return this.#signal.signal;
  }

  get isGivenUp(): boolean {
    return this.#isGivenUp;
  }

  get onProgress(): RunOptions["onProgress"] {
    return ({ text }) => this.#post({ kind: "progress", value: text });
  }

  /** The pool has the say: it may have given the run up already, and must not kill what commits. */
  beginCommit(): Promise<boolean> {
    this.#permission ??= deferred();
    this.#post({ kind: "asks-to-commit" });
    return this.#permission.promise;
  }

  answer(isAllowed: boolean): void {
    this.#permission?.resolve(isAllowed);
  }

  tell(reason: Error): void {
    this.#signal.abort(reason);
  }

  giveUp(): void {
    this.#isGivenUp = true;
    this.tell(givenUpError());
  }
}
