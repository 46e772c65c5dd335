import { FollowedWatch, type WatchFeed } from "../../backend/followed-watch.ts";
import type { ResultWatch } from "../../backend/result-backend.ts";
import type { TaskMeta } from "../../backend/task-meta.ts";
import { Batcher } from "../../util/batcher.ts";
import type { Clock } from "../../util/clock.ts";
import { toError } from "../../util/errors.ts";
import type { Logger } from "../../util/logger.ts";
import type { RedisSubscriber, Subscription } from "./connections/redis-link.ts";
import type { ResultKeys } from "./result-keys.ts";

export interface ResultFeedOptions {
  readonly subscriber: RedisSubscriber;
  readonly keys: ResultKeys;
  readonly fetch: (taskIds: readonly string[]) => Promise<ReadonlyMap<string, TaskMeta>>;
  /** Undefined for what cannot be read. */
  readonly read: (text: string, taskId: string) => TaskMeta | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Before results that could not be read are read again, in milliseconds. */
const RETRY_MS = 1_000;

/** Tells watchers of new results: one subscription for all of them, to the channels of those tasks that are watched. */
export class ResultFeed implements WatchFeed, Disposable {
  readonly #options: ResultFeedOptions;
  readonly #watches = new Map<string, Set<FollowedWatch>>();
  /** What is watched from one turn of the event loop on is one subscription and one reading. */
  readonly #arrivals: Batcher<string, undefined>;
  readonly #disposed = new AbortController();
  #subscription: Subscription | undefined;

  constructor(options: ResultFeedOptions) {
    this.#options = options;
    this.#arrivals = new Batcher((taskIds) => this.#arrive(taskIds));
  }

  watch(listener: (meta: TaskMeta) => void): ResultWatch {
    return new FollowedWatch(this, listener);
  }

  /** Resolves once all that is stored from now on will be told to this watch, and what is there was. */
  async follow(watch: FollowedWatch, taskIds: readonly string[]): Promise<void> {
    for (const taskId of taskIds) {
      const watches = this.#watches.get(taskId);
      if (watches === undefined) this.#watches.set(taskId, new Set([watch]));
      else watches.add(watch);
    }
    await this.#arrivals.addAll(taskIds);
  }

  unfollow(watch: FollowedWatch, taskIds: Iterable<string>): void {
    const { keys } = this.#options;
    const left: string[] = [];
    for (const taskId of taskIds) {
      const watches = this.#watches.get(taskId);
      if (watches?.delete(watch) !== true || watches.size > 0) continue;
      this.#watches.delete(taskId);
      left.push(keys.meta(taskId));
    }
    this.#subscription?.remove(left);
  }

  [Symbol.dispose](): void {
    this.#disposed.abort();
    this.#watches.clear();
  }

  async #arrive(taskIds: readonly string[]): Promise<readonly undefined[]> {
    const { keys } = this.#options;
    const subscription = (this.#subscription ??= await this.#subscribe());
    // Some may be watched no longer.
    const watched = taskIds.filter((taskId) => this.#watches.has(taskId));
    await subscription.add(watched.map((taskId) => keys.meta(taskId)));
    await this.#catchUp(watched);
    return taskIds.map(() => undefined);
  }

  #subscribe(): Promise<Subscription> {
    const { keys, subscriber } = this.#options;
    return subscriber.subscribe([], {
      onMessage: (text, channel) => this.#hear(text, keys.taskId(channel)),
      onResumed: () => void this.#catchUpAfterLoss(),
    });
  }

  #hear(text: string, taskId: string): void {
    const watches = this.#watches.get(taskId);
    const meta = watches === undefined ? undefined : this.#options.read(text, taskId);
    if (meta !== undefined) this.#tell(taskId, meta);
  }

  async #catchUp(taskIds: readonly string[]): Promise<void> {
    for (const [taskId, meta] of await this.#options.fetch(taskIds)) this.#tell(taskId, meta);
  }

  /** Never rejects: what cannot be read is tried again. */
  async #catchUpAfterLoss(): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#disposed;
    while (!signal.aborted) {
      try {
        await this.#catchUp([...this.#watches.keys()]);
        return;
      } catch (error) {
        log.warn("results cannot be read", { error: toError(error).message, retryMs: RETRY_MS });
        // Disposing ends the pause early.
        await clock.sleep(RETRY_MS, { signal }).catch(() => undefined);
      }
    }
  }

  #tell(taskId: string, meta: TaskMeta): void {
    for (const watch of this.#watches.get(taskId) ?? []) watch.hear(meta);
  }
}
