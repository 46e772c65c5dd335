import type { ResultWatch } from "./result-backend.ts";
import type { TaskMeta } from "./task-meta.ts";

/** Hears of results on behalf of many watchers. */
export interface WatchFeed {
  /** Resolves once what is stored from now on is heard of, and what was stored before has been told. */
  follow(watch: FollowedWatch, taskIds: readonly string[]): Promise<void>;
  unfollow(watch: FollowedWatch, taskIds: Iterable<string>): void;
}

/** What one watcher follows, of a feed that follows it for all. */
export class FollowedWatch implements ResultWatch {
  readonly #feed: WatchFeed;
  readonly #listener: (meta: TaskMeta) => void;
  readonly #taskIds = new Set<string>();
  #isDisposed = false;

  constructor(feed: WatchFeed, listener: (meta: TaskMeta) => void) {
    this.#feed = feed;
    this.#listener = listener;
  }

  async add(taskIds: readonly string[]): Promise<void> {
    if (this.#isDisposed || taskIds.length === 0) return;
    for (const taskId of taskIds) this.#taskIds.add(taskId);
    try {
      await this.#feed.follow(this, taskIds);
    } catch (error) {
      this.remove(taskIds);
      throw error;
    }
  }

  remove(taskIds: readonly string[]): void {
    for (const taskId of taskIds) this.#taskIds.delete(taskId);
    this.#feed.unfollow(this, taskIds);
  }

  hear(meta: TaskMeta): void {
    this.#listener(meta);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    this.#feed.unfollow(this, this.#taskIds);
    this.#taskIds.clear();
  }
}
