import { mayHaveRevocations, readRevocations } from "../app/revoke.ts";
import type { KeyStore } from "../broker/key-store.ts";
import { Batcher } from "../util/batcher.ts";
import { andThen } from "../util/and-then.ts";
import type { Clock } from "../util/clock.ts";
import { endOfTurn } from "../util/end-of-turn.ts";
import { toError } from "../util/errors.ts";
import type { Logger } from "../util/logger.ts";
import type { Roster } from "../util/roster.ts";
import type { RunningTask } from "./running-task.ts";

/** How often it is looked whether running tasks are to be ended, in milliseconds. Most tasks are over before the first look. */
const LOOK_MS = 1_000;

export interface RevocationsOptions {
  /** Undefined where nothing can be revoked. */
  readonly keys: KeyStore | undefined;
  readonly running: Pick<Roster<RunningTask>, "size" | typeof Symbol.iterator>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Tells which tasks are revoked before they start, and ends those that run. What is asked together is one look at the store. */
export class Revocations implements Disposable {
  readonly #options: RevocationsOptions;
  readonly #revoked: Batcher<string, boolean> | undefined;
  readonly #disposed = new AbortController();
  /** Whether there may be any, for one turn of the event loop. */
  #any: boolean | Promise<boolean> | undefined;
  #isLooking = false;

  constructor(options: RevocationsOptions) {
    this.#options = options;
    const { keys } = options;
    if (keys === undefined) return;
    this.#revoked = new Batcher(async (taskIds) => {
      const revoked = await readRevocations(taskIds, keys);
      return taskIds.map((id) => revoked.has(id));
    });
  }

  /** At once where no task at all is revoked, as nearly always, and where this has been seen in this very turn of the event loop. */
  has(taskId: string): boolean | Promise<boolean> {
    const { keys } = this.#options;
    const revoked = this.#revoked;
    if (keys === undefined || revoked === undefined) return false;
    return andThen(this.#mayBeAny(keys), (mayBe) => mayBe && revoked.add(taskId));
  }

  /** What asks in one turn of the event loop gets one answer. */
  #mayBeAny(keys: KeyStore): boolean | Promise<boolean> {
    if (this.#any === undefined) {
      this.#any = andThen(mayHaveRevocations(keys), (mayBe) => {
        this.#any = mayBe;
        void endOfTurn().then(() => (this.#any = undefined));
        return mayBe;
      });
      if (this.#any instanceof Promise) this.#any.catch(() => (this.#any = undefined));
    }
    return this.#any;
  }

  /** Looks out for running tasks that are to be ended, for as long as there are any. */
  lookOut(): void {
    const { keys } = this.#options;
    if (!this.#isLooking && keys !== undefined) void this.#look(keys);
  }

  [Symbol.dispose](): void {
    this.#disposed.abort();
  }

  /** Never rejects. */
  async #look(keys: KeyStore): Promise<void> {
    const { running, clock, log } = this.#options;
    const { signal } = this.#disposed;
    this.#isLooking = true;
    while (running.size > 0 && !signal.aborted) {
      try {
        await clock.sleep(LOOK_MS, { signal, ref: false });
        await this.#endTerminated(keys);
      } catch (error) {
        if (!this.#disposed.signal.aborted)
          log.debug("revocations of running tasks not read", { error: toError(error).message });
      }
    }
    this.#isLooking = false;
  }

  async #endTerminated(keys: KeyStore): Promise<void> {
    const running = [...this.#options.running];
    const revoked = await readRevocations(
      running.map(({ taskId }) => taskId),
      keys,
    );
    for (const task of running) if (revoked.get(task.taskId)?.terminate === true) task.end("terminated");
  }
}
