import type { ResultWatch } from "../../backend/result-backend.ts";
import { decodeMeta, type TaskMeta } from "../../backend/task-meta.ts";
import { deferred, type Deferred } from "../../util/deferred.ts";
import { toError } from "../../util/errors.ts";
import type { Logger } from "../../util/logger.ts";
import type { Database } from "./database.ts";
import type { Sql } from "./shared-database.ts";

const LAST_SEQ = "SELECT seq FROM sqlite_sequence WHERE name = 'results'";
const NEWS_AT_ONCE = 1_000;
const NEWS = `SELECT seq, task_id AS taskId FROM results WHERE seq > ? ORDER BY seq LIMIT ${NEWS_AT_ONCE}`;
const BY_SEQ = "SELECT meta FROM results WHERE seq = ?";
const BY_TASK = "SELECT meta FROM results WHERE task_id = ? AND expires_at > ?";

/** Before a file that could not be read is tried again, in milliseconds. */
const RETRY_MS = 1_000;

/**
 * Tells watchers of new results: one loop for all of them, which reads the ids of what was stored since it last looked, and the
 * documents of those that are watched. So it costs what is stored, not what is watched. It runs while anything is.
 */
export class ResultFeed implements Disposable {
  readonly #database: Database;
  readonly #log: Logger;
  readonly #watches = new Set<SqliteWatch>();
  #loop: Loop | undefined;

  constructor(database: Database, log: Logger) {
    this.#database = database;
    this.#log = log;
  }

  watch(listener: (meta: TaskMeta) => void): ResultWatch {
    return new SqliteWatch(this, listener);
  }

  /** Resolves once all that is stored from now on will be told to this watch. */
  async follow(watch: SqliteWatch): Promise<void> {
    this.#watches.add(watch);
    this.#loop ??= this.#start();
    await this.#loop.ready.promise;
  }

  unfollow(watch: SqliteWatch): void {
    this.#watches.delete(watch);
    if (this.#watches.size === 0) this.#stop();
  }

  /** Tells the watch what is stored of these tasks now. */
  async catchUp(watch: SqliteWatch, taskIds: Iterable<string>): Promise<void> {
    const now = this.#database.clock.now();
    const texts = await this.#database.read((sql) =>
      [...taskIds].flatMap((taskId) => sql<{ readonly meta: string }>(BY_TASK).get(taskId, now)?.meta ?? []),
    );
    for (const text of texts) this.#tell([watch], text);
  }

  [Symbol.dispose](): void {
    this.#watches.clear();
    this.#stop();
  }

  #start(): Loop {
    const loop: Loop = { stop: new AbortController(), ready: unhandledDeferred() };
    void this.#run(loop);
    return loop;
  }

  #stop(): void {
    this.#loop?.stop.abort();
    this.#loop = undefined;
  }

  /** Never rejects: a file that cannot be read is tried again, a replaced one opened anew, and all that is watched is then read anew. */
  async #run(loop: Loop): Promise<void> {
    const { signal } = loop.stop;
    for (let isFirst = true; !loop.stop.signal.aborted; isFirst = false) {
      try {
        await this.#tellNews(loop, isFirst);
      } catch (error) {
        if (signal.aborted) return;
        this.#log.warn("results cannot be read", { error: toError(error).message, retryMs: RETRY_MS });
        loop.ready.reject(error);
        loop.ready = unhandledDeferred();
        // Stopping ends the pause early.
        await this.#database.clock.sleep(RETRY_MS, { signal }).catch(() => undefined);
      }
    }
  }

  async #tellNews(loop: Loop, isFirst: boolean): Promise<void> {
    await this.#database.open();
    const changes = (await this.#database.changes()).subscribe("results");
    try {
      let place = await this.#database.read(lastSeq);
      loop.ready.resolve();
      if (!isFirst) for (const watch of this.#watches) await this.catchUp(watch, watch.taskIds);
      while (!changes.isClosed) {
        const news = await this.#database.read((sql) => sql<News>(NEWS).all(place));
        place = news.at(-1)?.seq ?? place;
        for (const { seq, taskId } of news) await this.#tellOf(seq, taskId);
        if (news.length < NEWS_AT_ONCE) await changes.changed(Infinity, loop.stop);
      }
    } finally {
      changes[Symbol.dispose]();
    }
  }

  async #tellOf(seq: number, taskId: string): Promise<void> {
    const watches = [...this.#watches].filter((watch) => watch.taskIds.has(taskId));
    if (watches.length === 0) return;
    const row = await this.#database.read((sql) => sql<{ readonly meta: string }>(BY_SEQ).get(seq));
    // Without a row it has been replaced since, and the later one comes too.
    if (row !== undefined) this.#tell(watches, row.meta);
  }

  #tell(watches: readonly SqliteWatch[], text: string): void {
    try {
      const meta = decodeMeta(text);
      for (const watch of watches) watch.hear(meta);
    } catch (error) {
      this.#log.warn("stored result not told", { error: toError(error).message });
    }
  }
}

interface Loop {
  readonly stop: AbortController;
  /** Resolves once the loop knows its place among the results. */
  ready: Deferred<void>;
}

interface News {
  readonly seq: number;
  readonly taskId: string;
}

class SqliteWatch implements ResultWatch {
  readonly taskIds: Set<string>;
  readonly #feed: ResultFeed;
  readonly #listener: (meta: TaskMeta) => void;
  #isDisposed = false;

  constructor(feed: ResultFeed, listener: (meta: TaskMeta) => void) {
    this.taskIds = new Set();
    this.#feed = feed;
    this.#listener = listener;
  }

  async add(taskIds: readonly string[]): Promise<void> {
    if (this.#isDisposed) return;
    for (const taskId of taskIds) this.taskIds.add(taskId);
    try {
      await this.#feed.follow(this);
      await this.#feed.catchUp(this, taskIds);
    } catch (error) {
      this.remove(taskIds);
      throw error;
    }
  }

  remove(taskIds: readonly string[]): void {
    for (const taskId of taskIds) this.taskIds.delete(taskId);
    if (this.taskIds.size === 0) this.#feed.unfollow(this);
  }

  hear(meta: TaskMeta): void {
    if (this.taskIds.has(meta.taskId)) this.#listener(meta);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    this.taskIds.clear();
    this.#feed.unfollow(this);
  }
}

/** Whether anybody waits for it or not, its rejection is no fault of this process. */
function unhandledDeferred(): Deferred<void> {
  const ready = deferred();
  ready.promise.catch(() => undefined);
  return ready;
}

function lastSeq(sql: Sql): number {
  return sql<{ readonly seq: number }>(LAST_SEQ).get()?.seq ?? 0;
}
