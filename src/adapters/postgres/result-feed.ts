import { FollowedWatch, type WatchFeed } from "../../backend/followed-watch.ts";
import type { ResultWatch } from "../../backend/result-backend.ts";
import type { TaskMeta } from "../../backend/task-meta.ts";
import { Batcher } from "../../util/batcher.ts";
import type { Clock } from "../../util/clock.ts";
import { toError } from "../../util/errors.ts";
import type { Logger } from "../../util/logger.ts";
import { ANY_NEWS } from "./store-results.ts";

export interface ResultFeedOptions {
  /** Resolves once whatever is notified of from now on comes to `hear`. */
  readonly listen: () => Promise<void>;
  readonly fetch: (taskIds: readonly string[]) => Promise<ReadonlyMap<string, TaskMeta>>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Before results that could not be read are read again, in milliseconds. */
const RETRY_MS = 1_000;

/** Tells watchers of new results: a notification brings the ids of what was stored, and those that are watched are read. */
export class ResultFeed implements WatchFeed, Disposable {
  readonly #options: ResultFeedOptions;
  readonly #watches = new Map<string, Set<FollowedWatch>>();
  /** What is watched from one turn of the event loop on is one reading. */
  readonly #arrivals: Batcher<string, undefined>;
  /** And so is what is told in one, or while another reading is under way. */
  readonly #news: Batcher<string, undefined>;
  readonly #disposed = new AbortController();

  constructor(options: ResultFeedOptions) {
    this.#options = options;
    this.#arrivals = new Batcher((taskIds) => this.#arrive(taskIds));
    this.#news = new Batcher((taskIds) => this.#tellNews(taskIds));
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
    for (const taskId of taskIds) {
      const watches = this.#watches.get(taskId);
      if (watches?.delete(watch) === true && watches.size === 0) this.#watches.delete(taskId);
    }
  }

  /** The payload of a notification. */
  hear(payload: string): void {
    const told = payload === ANY_NEWS ? [...this.#watches.keys()] : idsIn(payload);
    const watched = told.filter((taskId) => this.#watches.has(taskId));
    if (watched.length > 0) void this.#news.addAll(watched); // never rejects
  }

  /** Some notifications were not heard. */
  catchUp(): void {
    const watched = [...this.#watches.keys()];
    if (watched.length > 0) void this.#news.addAll(watched); // never rejects
  }

  [Symbol.dispose](): void {
    this.#disposed.abort();
    this.#watches.clear();
  }

  async #arrive(taskIds: readonly string[]): Promise<readonly undefined[]> {
    await this.#options.listen();
    await this.#tellOf(taskIds);
    return taskIds.map(() => undefined);
  }

  /** Never rejects: what cannot be read is tried again, for as long as it is watched. */
  async #tellNews(taskIds: readonly string[]): Promise<readonly undefined[]> {
    const { clock, log } = this.#options;
    const { signal } = this.#disposed;
    while (!signal.aborted) {
      try {
        await this.#tellOf(taskIds);
        break;
      } catch (error) {
        log.warn("results cannot be read", { error: toError(error).message, retryMs: RETRY_MS });
        // Disposing ends the pause early.
        await clock.sleep(RETRY_MS, { signal }).catch(() => undefined);
      }
    }
    return taskIds.map(() => undefined);
  }

  async #tellOf(taskIds: readonly string[]): Promise<void> {
    const watched = [...new Set(taskIds)].filter((taskId) => this.#watches.has(taskId));
    if (watched.length === 0) return;
    for (const [taskId, meta] of await this.#options.fetch(watched)) {
      for (const watch of this.#watches.get(taskId) ?? []) watch.hear(meta);
    }
  }
}

/** None of what is no notification of ours. */
function idsIn(payload: string): readonly string[] {
  try {
    const ids: unknown = JSON.parse(payload);
    return Array.isArray(ids) ? ids.filter((id): id is string => typeof id === "string") : [];
  } catch {
    return [];
  }
}
