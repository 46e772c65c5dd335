import type { StoredCanvases } from "../../backend/canvases.ts";
import type { ChordCounters } from "../../backend/chords.ts";
import type { GroupRecords } from "../../backend/groups.ts";
import type { ResultBackend, ResultWatch } from "../../backend/result-backend.ts";
import { decodeMeta, encodeMeta, type TaskMeta } from "../../backend/task-meta.ts";
import type { Abortable } from "../../util/abortable.ts";
import { Batcher } from "../../util/batcher.ts";
import { toError } from "../../util/errors.ts";
import type { Logger } from "../../util/logger.ts";
import { isRefusal, type Database } from "./database.ts";
import { ResultFeed } from "./result-feed.ts";
import type { Sql } from "./shared-database.ts";
import { SqliteCanvases } from "./sqlite-canvases.ts";
import { SqliteChords } from "./sqlite-chords.ts";
import { SqliteGroups } from "./sqlite-groups.ts";

const ROW = "INTO results (task_id, state, fence, expires_at, meta) VALUES (?, ?, ?, ?, ?)";
const EARLIER = "SELECT state, fence FROM results WHERE task_id = ? AND expires_at > ?";
/** Replacing gives a new `seq`, by which watchers see the change. */
const STORE = `INSERT OR REPLACE ${ROW}`;
const STORE_FIRST = `INSERT OR IGNORE ${ROW}`;
const FETCH = "SELECT meta FROM results WHERE task_id = ? AND expires_at > ?";
const FORGET = "DELETE FROM results WHERE task_id = ?";

export interface SqliteBackendOptions {
  /** Disposed with the backend. */
  readonly database: Database;
  readonly resultExpiresMs: number;
  readonly log: Logger;
}

/** Results as Celery's JSON documents, one row for each task. What one turn of the event loop stores is one commit, synced to the disk. */
export class SqliteBackend implements ResultBackend {
  readonly groups: GroupRecords;
  readonly chords: ChordCounters;
  readonly canvases: StoredCanvases;
  readonly #database: Database;
  readonly #expiresMs: number;
  readonly #log: Logger;
  readonly #results: Batcher<Result, boolean>;
  readonly #feed: ResultFeed;

  constructor({ database, resultExpiresMs, log }: SqliteBackendOptions) {
    this.#database = database;
    this.#expiresMs = resultExpiresMs;
    this.#log = log;
    this.groups = new SqliteGroups(database, resultExpiresMs);
    this.chords = new SqliteChords(database, resultExpiresMs);
    this.canvases = new SqliteCanvases(database);
    this.#results = new Batcher((results) => this.#store(results), { isolates: isRefusal });
    this.#feed = new ResultFeed(database, log);
  }

  open(options: Abortable = {}): Promise<void> {
    return this.#database.open(options);
  }

  async store(metas: readonly TaskMeta[]): Promise<readonly string[]> {
    const isStored = await this.#results.addAll(
      metas.map((meta) => ({
        taskId: meta.taskId,
        state: meta.state,
        fence: meta.fence ?? null,
        text: encodeMeta(meta),
      })),
    );
    return metas.filter((_, index) => isStored[index] === false).map(({ taskId }) => taskId);
  }

  /** A document that cannot be read is as good as absent, and logged. */
  fetch(taskIds: readonly string[]): Promise<ReadonlyMap<string, TaskMeta>> {
    const now = this.#database.clock.now();
    return this.#database.read((sql) => {
      const found = new Map<string, TaskMeta>();
      for (const taskId of taskIds) {
        const row = sql<{ readonly meta: string }>(FETCH).get(taskId, now);
        const meta = row === undefined ? undefined : this.#decode(taskId, row.meta);
        if (meta !== undefined) found.set(taskId, meta);
      }
      return found;
    });
  }

  watch(listener: (meta: TaskMeta) => void): ResultWatch {
    return this.#feed.watch(listener);
  }

  forget(taskIds: readonly string[]): Promise<void> {
    return this.#database.transaction("durable", (sql) => {
      for (const taskId of taskIds) sql(FORGET).run(taskId);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#feed[Symbol.dispose]();
    await this.#results.idle();
    await this.#database[Symbol.asyncDispose]();
  }

  #decode(taskId: string, text: string): TaskMeta | undefined {
    try {
      return decodeMeta(text);
    } catch (error) {
      this.#log.warn("stored result not read", { taskId, error: toError(error).message });
      return undefined;
    }
  }

  async #store(results: readonly Result[]): Promise<readonly boolean[]> {
    const isStored = await this.#database.transaction("durable", (sql) => {
      const now = this.#database.clock.now();
      return results.map((result) => storeOne(sql, result, now, now + this.#expiresMs));
    });
    (await this.#database.changes()).notify("results");
    return isStored;
  }
}

interface Result {
  readonly taskId: string;
  readonly state: string;
  readonly fence: number | null;
  /** The result document. */
  readonly text: string;
}

/**
 * False, with nothing stored, when a later run has told of the task. Else the first success stands, as in Celery, and what comes after it
 * changes nothing: `celery/backends/base.py:_store_result`.
 */
function storeOne(sql: Sql, { taskId, state, fence, text }: Result, now: number, expiresAt: number): boolean {
  const expiry = Math.min(expiresAt, Number.MAX_SAFE_INTEGER);
  // Most are the first of their task.
  if (sql(STORE_FIRST).run(taskId, state, fence, expiry, text).changes > 0) return true;
  const earlier = sql<{ readonly state: string; readonly fence: number | null }>(EARLIER).get(taskId, now);
  const earlierFence = earlier?.fence ?? null;
  if (fence !== null && earlierFence !== null && fence < earlierFence) return false;
  if (earlier?.state === "SUCCESS") return true;
  sql(STORE).run(taskId, state, fence ?? earlierFence, expiry, text);
  return true;
}
