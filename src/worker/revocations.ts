import { mayHaveRevocations, readRevocations } from "../app/revoke.ts";
import { mayHaveRevokedStamps, readRevokedStamps, stampsIn, type StampedHeaders } from "../app/revoked-stamps.ts";
import type { KeyStore } from "../broker/key-store.ts";
import type { TaskRequest } from "../message/task-request.ts";
import { andThen } from "../util/and-then.ts";
import type { Clock } from "../util/clock.ts";
import { toError } from "../util/errors.ts";
import type { Logger } from "../util/logger.ts";
import type { Roster } from "../util/roster.ts";
import { RareMarks } from "./rare-marks.ts";
import type { RevokedIds } from "./revoked-ids.ts";
import type { RunningTask } from "./running-task.ts";

/** Stamps that a worker was told of and remembers; the oldest is forgotten first. */
const MOST_STAMPS = 50_000;
/** How often it is looked whether running tasks are to be ended, in milliseconds. Most tasks are over before the first look. */
const LOOK_MS = 1_000;

export interface RevocationsOptions {
  /** Undefined where nothing can be revoked. */
  readonly keys: KeyStore | undefined;
  /** What the key store need not know: Python's workers tell only each other. */
  readonly heard: Pick<RevokedIds, "has">;
  readonly running: Pick<Roster<RunningTask>, "size" | typeof Symbol.iterator>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Tells which tasks are revoked before they start, by their id or by a stamp that they have, and ends those that run. */
export class Revocations implements Disposable {
  readonly #options: RevocationsOptions;
  readonly #ids: RareMarks<string> | undefined;
  readonly #stamps: RareMarks<StampedHeaders> | undefined;
  /** Keys of the stamps that this worker alone was told of. */
  readonly #ownStamps = new Set<string>();
  readonly #disposed = new AbortController();
  #isLooking = false;

  constructor(options: RevocationsOptions) {
    this.#options = options;
    const { keys } = options;
    if (keys === undefined) return;
    this.#ids = new RareMarks({
      mayBeAny: () => mayHaveRevocations(keys),
      areMarked: async (taskIds) => {
        const revoked = await readRevocations(taskIds, keys);
        return taskIds.map((id) => revoked.has(id));
      },
    });
    this.#stamps = new RareMarks({
      mayBeAny: () => mayHaveRevokedStamps(keys),
      areMarked: async (calls) => (await readRevokedStamps(calls, keys)).map((revoked) => revoked !== undefined),
    });
  }

  /** At once where no task at all is revoked, as nearly always, and where this has been seen in this very turn of the event loop. */
  has({ id, stamps }: Pick<TaskRequest, "id" | "stamps">): boolean | Promise<boolean> {
    if (this.#options.heard.has(id)) return true;
    const byId = this.#ids?.has(id) ?? false;
    return isStamped(stamps) ? andThen(byId, (isRevoked) => isRevoked || this.#hasStamp(stamps)) : byId;
  }

  /** From now on, on this worker, and until it ends. */
  revokeHere(headers: StampedHeaders): void {
    for (const { key } of stampsIn(headers)) this.#ownStamps.add(key);
    for (const key of this.#ownStamps) {
      if (this.#ownStamps.size <= MOST_STAMPS) return;
      this.#ownStamps.delete(key);
    }
  }

  /** Looks out for running tasks that are to be ended, for as long as there are any. */
  lookOut(): void {
    const { keys } = this.#options;
    if (!this.#isLooking && keys !== undefined) void this.#look(keys);
  }

  [Symbol.dispose](): void {
    this.#disposed.abort();
  }

  #hasStamp(stamps: StampedHeaders): boolean | Promise<boolean> {
    if (this.#ownStamps.size > 0 && stampsIn(stamps).some(({ key }) => this.#ownStamps.has(key))) return true;
    return this.#stamps?.has(stamps) ?? false;
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
    const stamped = running.filter(({ request }) => isStamped(request.stamps));
    if (stamped.length === 0) return;
    const calls = stamped.map(({ request }) => request.stamps);
    for (const [index, found] of (await readRevokedStamps(calls, keys)).entries())
      if (found?.terminate === true) stamped[index]?.end("terminated");
  }
}

function isStamped(stamps: StampedHeaders): boolean {
  for (const name in stamps) if (Object.hasOwn(stamps, name)) return true;
  return false;
}
