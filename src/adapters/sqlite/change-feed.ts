import { watch, type FSWatcher } from "node:fs";
import type { Abortable } from "../../util/abortable.ts";
import type { Clock } from "../../util/clock.ts";

export type Topic = "messages" | "broadcasts" | "results";

/** Looks at the file come no closer than this, in milliseconds. */
const SHORTEST_PAUSE_MS = 1;
/** And after one that saw a change, no closer than this: others who write all the time cost those who wait only so many looks. */
const CHANGED_PAUSE_MS = 4;
/** How often the file is looked at with nothing to be seen, where the system tells of writes, in milliseconds: for what it failed to tell. */
const WATCHED_PAUSE_MS = 500;
/** And where it does not. */
const UNWATCHED_PAUSE_MS = 20;

export interface ChangeFeedOptions {
  readonly clock: Clock;
  /** The write-ahead log: every commit writes to it. */
  readonly walPath: string;
  /** Time between two looks at the file, in milliseconds: for who is in no hurry, and shall cost little while others write. @default as soon as there is news */
  readonly lookMs?: number | undefined;
  /** A number that changes with every commit of another connection; may throw. */
  readonly dataVersion: () => number;
}

/**
 * Wakes those who wait for something to change in the file. This process's commits say so themselves; those of others are seen by
 * `PRAGMA data_version`, by one loop for all who wait, and by none while nobody does.
 *
 * Looking every 10 ms would take 1.5 to 2 % of a core (a timer alone costs an idle Node some 150 µs), so the loop is woken by the
 * system's news of writes to the log. That comes before the commit can be seen: the log is synced in between. Therefore the pauses between
 * two looks start at 1 ms after such news and double until all is calm. Measured on two cores, others at work: 0.3 to 0.5 % of a core for an idle consumer, 1.5 ms from commit to wake-up.
 */
export class ChangeFeed implements Disposable {
  readonly #options: ChangeFeedOptions;
  readonly #subscriptions = new Set<FeedSubscription>();
  #isLooking = false;
  #isClosed = false;
  #seenVersion: number | undefined;
  /** Ends the present pause. */
  #pause: AbortController | undefined;
  #wasWritten = false;

  constructor(options: ChangeFeedOptions) {
    this.#options = options;
  }

  /** This process has committed a change. */
  notify(topic: Topic): void {
    for (const subscription of this.#subscriptions) if (subscription.topic === topic) subscription.wake();
  }

  subscribe(topic: Topic): Subscription {
    const subscription = new FeedSubscription(topic, this.#options.clock, () =>
      this.#subscriptions.delete(subscription),
    );
    this.#subscriptions.add(subscription);
    if (this.#isClosed) subscription.close();
    else if (!this.#isLooking) void this.#look();
    return subscription;
  }

  /** The file is closed: nobody need wait any longer. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#pause?.abort(WOKEN);
    for (const subscription of this.#subscriptions) subscription.close();
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    this.#isLooking = true;
    const { lookMs } = this.#options;
    const watcher = lookMs === undefined ? this.#watch() : undefined;
    const longest = lookMs ?? (watcher === undefined ? UNWATCHED_PAUSE_MS : WATCHED_PAUSE_MS);
    let pause = longest;
    while (!this.#isClosed) {
      if (this.#hasChanged()) {
        this.#wakeAll();
        pause = lookMs ?? CHANGED_PAUSE_MS;
        await this.#rest(pause, pause);
      } else {
        await this.#rest(lookMs ?? SHORTEST_PAUSE_MS, Math.min(pause, longest));
      }
      if (this.#subscriptions.size === 0) break;
      pause = this.#wasWritten ? SHORTEST_PAUSE_MS : pause * 2;
      this.#wasWritten = false;
    }
    watcher?.close();
    this.#isLooking = false;
  }

  /** For `least` milliseconds, and then until something is written, `most` milliseconds in all. */
  async #rest(least: number, most: number): Promise<void> {
    const { clock } = this.#options;
    await clock.sleep(least, { ref: false });
    if (this.#wasWritten || this.#isClosed || most <= least) return;
    this.#pause = new AbortController();
    await clock.sleep(most - least, { ref: false, signal: this.#pause.signal }).catch(ignoreWoken);
    this.#pause = undefined;
  }

  /** Linux only: elsewhere the news of writes may come late, or not at all for a file that keeps its size. */
  #watch(): FSWatcher | undefined {
    if (process.platform !== "linux") return undefined;
    try {
      const watcher = watch(this.#options.walPath, { persistent: false }, () => {
        this.#wasWritten = true;
        this.#pause?.abort(WOKEN);
      });
      // Such as the log's removal, with the last user of the file.
      return watcher.on("error", () => watcher.close());
    } catch {
      // The user's inotify watches may be used up.
      return undefined;
    }
  }

  /** An error counts as a change: those who wait meet it themselves, and can name it. */
  #hasChanged(): boolean {
    try {
      const version = this.#options.dataVersion();
      const changed = version !== this.#seenVersion;
      this.#seenVersion = version;
      return changed;
    } catch {
      return true;
    }
  }

  #wakeAll(): void {
    for (const subscription of this.#subscriptions) subscription.wake();
  }
}

export interface Subscription extends Disposable {
  /** The file was closed, or replaced by another: nothing more will be heard of it, and `changed` waits no more. */
  readonly isClosed: boolean;
  /** Resolves when something has changed since subscribing or since the last call, and after `ms` milliseconds at the latest. Keeps the process alive. */
  changed(ms: number, options?: Abortable): Promise<void>;
}

class FeedSubscription implements Subscription {
  readonly topic: Topic;
  readonly #clock: Clock;
  readonly #remove: () => void;
  #isClosed = false;
  #hasChanged = false;
  #sleep: AbortController | undefined;

  constructor(topic: Topic, clock: Clock, remove: () => void) {
    this.topic = topic;
    this.#clock = clock;
    this.#remove = remove;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  close(): void {
    this.#isClosed = true;
    this.wake();
  }

  wake(): void {
    this.#hasChanged = true;
    this.#sleep?.abort(WOKEN);
  }

  async changed(ms: number, options: Abortable = {}): Promise<void> {
    const { signal } = options;
    signal?.throwIfAborted();
    if (!this.#hasChanged) await this.#sleepUntilWoken(ms, signal);
    this.#hasChanged = this.#isClosed;
  }

  async #sleepUntilWoken(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const sleep = new AbortController();
    const abort = (): void => sleep.abort(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    this.#sleep = sleep;
    await this.#clock.sleep(ms, { signal: sleep.signal }).catch(ignoreWoken);
    signal?.removeEventListener("abort", abort);
  }

  [Symbol.dispose](): void {
    this.#remove();
  }
}

/** Why a sleep ended early: one object, since making an error for every wake-up would cost more than the wake-up. */
const WOKEN = new Error("woken");

function ignoreWoken(reason: unknown): void {
  if (reason !== WOKEN) throw reason;
}
