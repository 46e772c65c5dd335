import type { StoredCanvases } from "../../backend/canvases.ts";
import type { ChordCounters } from "../../backend/chords.ts";
import { ResultBackendUnavailableError } from "../../backend/errors.ts";
import type { GroupRecords } from "../../backend/groups.ts";
import type { ResultBackend, ResultWatch } from "../../backend/result-backend.ts";
import { decodeMeta, encodeMeta, type TaskMeta } from "../../backend/task-meta.ts";
import type { Abortable } from "../../util/abortable.ts";
import { Batcher } from "../../util/batcher.ts";
import type { Clock } from "../../util/clock.ts";
import { toError } from "../../util/errors.ts";
import type { Logger } from "../../util/logger.ts";
import { untilAborted } from "../../util/until-aborted.ts";
import { wholeMs } from "../../util/whole-ms.ts";
import type { Endpoint } from "./connections/endpoint.ts";
import type { Unavailable } from "./connections/failure.ts";
import { Listener } from "./connections/listener.ts";
import type { Pool } from "./connections/pool.ts";
import { djangoRow } from "./django/django-row.ts";
import { djangoTable, TASK_RESULTS } from "./django/django-tables.ts";
import { idleSoon } from "./idle-soon.ts";
import { runMaintenance } from "./maintenance.ts";
import { PostgresCanvases } from "./postgres-canvases.ts";
import { PostgresChords } from "./postgres-chords.ts";
import { PostgresGroups } from "./postgres-groups.ts";
import { ResultFeed } from "./result-feed.ts";
import { identifier } from "./connections/identifier.ts";
import { channelOf } from "./schema/result-functions.ts";
import { storeResults, type EncodedResult } from "./store-results.ts";

/** Documents that one statement reads. */
const FETCHED_AT_ONCE = 1_000;

export interface PostgresBackendOptions {
  /** Disposed with the backend. */
  readonly pool: Pool;
  readonly endpoint: Endpoint;
  /** The name of the schema of Django's tables. @default they are left alone */
  readonly djangoSchema?: string | undefined;
  readonly unavailable: Unavailable;
  readonly resultExpiresMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Results as Celery's JSON documents, one row for each task. What comes while a statement is under way is the next one: the more is stored, the fewer
 * statements each result takes.
 */
export class PostgresBackend implements ResultBackend {
  readonly groups: GroupRecords;
  readonly chords: ChordCounters;
  readonly canvases: StoredCanvases;
  readonly #pool: Pool;
  readonly #schema: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #djangoSchema: string | undefined;
  readonly #results: Batcher<EncodedResult, boolean>;
  readonly #listener: Listener;
  readonly #feed: ResultFeed;
  readonly #disposed = new AbortController();
  #maintenance: Promise<void> | undefined;

  constructor({ pool, endpoint, djangoSchema, unavailable, resultExpiresMs, clock, log }: PostgresBackendOptions) {
    const { schema: name } = endpoint.address;
    const schema = identifier(name);
    const expiresMs = wholeMs(resultExpiresMs);
    this.#pool = pool;
    this.#schema = schema;
    this.#clock = clock;
    this.#log = log;
    this.#djangoSchema = djangoSchema;
    this.groups = new PostgresGroups({ queries: pool, schema, djangoSchema, expiresMs });
    this.chords = new PostgresChords({ queries: pool, schema, resultExpiresMs: expiresMs });
    this.canvases = new PostgresCanvases(pool, schema);
    this.#results = new Batcher(
      (results) => storeResults({ queries: pool, schema, lifeMs: expiresMs, djangoSchema }, results),
      { isolates: isRefusal },
    );
    const feed = new ResultFeed({
      listen: () => this.#listener.open(),
      fetch: (taskIds) => this.fetch(taskIds),
      clock,
      log,
    });
    this.#feed = feed;
    this.#listener = new Listener({
      endpoint,
      channel: channelOf(name),
      onNotification: (payload) => feed.hear(payload),
      onResumed: () => feed.catchUp(),
      clock,
      log,
      unavailable,
    });
  }

  async open({ signal }: Abortable = {}): Promise<void> {
    await untilAborted(this.#pool.open(), signal);
    this.#maintenance ??= runMaintenance({
      queries: this.#pool,
      schema: this.#schema,
      clock: this.#clock,
      log: this.#log,
      signal: this.#disposed.signal,
    });
  }

  async store(metas: readonly TaskMeta[]): Promise<readonly string[]> {
    const results = metas.map((meta) => ({
      taskId: meta.taskId,
      state: meta.state,
      fence: meta.fence ?? null,
      text: encodeMeta(meta),
      ...(this.#djangoSchema === undefined ? {} : { django: djangoRow(meta) }),
    }));
    const isStored = await this.#results.addAll(results);
    return metas.filter((_, index) => isStored[index] === false).map(({ taskId }) => taskId);
  }

  /** In the order of the ids. A document that cannot be read is as good as absent, and logged. */
  async fetch(wanted: readonly string[]): Promise<ReadonlyMap<string, TaskMeta>> {
    // No text of Postgres has a NUL, and it refuses to look for one.
    const taskIds = wanted.filter((taskId) => !taskId.includes("\0"));
    const texts = new Map<string, string>();
    for (let start = 0; start < taskIds.length; start += FETCHED_AT_ONCE) {
      const rows = await this.#pool.query<{ readonly task_id: string; readonly meta: string }>(
        `SELECT task_id, meta FROM ${this.#schema}.results WHERE task_id = ANY ($1::text[]) AND expires_at > clock_timestamp()`,
        [taskIds.slice(start, start + FETCHED_AT_ONCE)],
      );
      for (const { task_id: taskId, meta } of rows) texts.set(taskId, meta);
    }
    const found = new Map<string, TaskMeta>();
    for (const taskId of taskIds) {
      const text = texts.get(taskId);
      const meta = text === undefined ? undefined : this.#read(text, taskId);
      if (meta !== undefined) found.set(taskId, meta);
    }
    return found;
  }

  watch(listener: (meta: TaskMeta) => void): ResultWatch {
    return this.#feed.watch(listener);
  }

  async forget(taskIds: readonly string[]): Promise<void> {
    if (taskIds.length === 0) return;
    const own = `DELETE FROM ${this.#schema}.results WHERE task_id = ANY ($1::text[])`;
    const text =
      this.#djangoSchema === undefined
        ? own
        : `WITH own AS (${own}) DELETE FROM ${djangoTable(this.#djangoSchema, TASK_RESULTS)} WHERE task_id = ANY ($1::text[])`;
    await this.#pool.query(text, [taskIds]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed.abort();
    this.#feed[Symbol.dispose]();
    this.#listener[Symbol.dispose]();
    await idleSoon(this.#results, this.#clock);
    await this.#pool[Symbol.asyncDispose]();
    await this.#maintenance;
  }

  #read(text: string, taskId: string): TaskMeta | undefined {
    try {
      return decodeMeta(text);
    } catch (error) {
      this.#log.warn("stored result not read", { taskId, error: toError(error).message });
      return undefined;
    }
  }
}

/** Whether an error may be the fault of one result, and not the server's. */
function isRefusal(error: unknown): boolean {
  return !(error instanceof ResultBackendUnavailableError);
}
