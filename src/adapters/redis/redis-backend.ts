import type { StoredCanvases } from "../../backend/canvases.ts";
import type { ChordCounters } from "../../backend/chords.ts";
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
import type { RedisConnections } from "./connections/redis-link.ts";
import { RedisCanvases } from "./redis-canvases.ts";
import { RedisChords } from "./redis-chords.ts";
import { RedisGroups } from "./redis-groups.ts";
import { ResultFeed } from "./result-feed.ts";
import { ResultKeys } from "./result-keys.ts";
import { fenceText, storeResults, type EncodedResult } from "./store-results.ts";

/** With so many results Redis is sent on its way, while the rest of the turn's tasks run. */
const STORED_AT_ONCE = 50;

/** Documents that are read by one command. */
const FETCHED_AT_ONCE = 500;

export interface RedisBackendOptions {
  /** Disposed with the backend. */
  readonly connections: RedisConnections;
  /** Celery: `global_keyprefix` of the result backend. */
  readonly keyPrefix: string;
  readonly resultExpiresMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Results as Celery keeps and publishes them: `celery/backends/redis.py`. What one turn of the event loop stores is one round trip for each fifty, and what a
 * process waits for is one subscription.
 */
export class RedisBackend implements ResultBackend {
  readonly groups: GroupRecords;
  readonly chords: ChordCounters;
  readonly canvases: StoredCanvases;
  readonly #connections: RedisConnections;
  readonly #keys: ResultKeys;
  readonly #log: Logger;
  readonly #results: Batcher<EncodedResult, boolean>;
  readonly #feed: ResultFeed;

  constructor({ connections, keyPrefix, resultExpiresMs, clock, log }: RedisBackendOptions) {
    this.#connections = connections;
    this.#keys = new ResultKeys(keyPrefix);
    this.#log = log;
    const shared = { link: connections.commands, keys: this.#keys };
    const expiresMs = wholeMs(resultExpiresMs);
    this.groups = new RedisGroups({ ...shared, expiresMs });
    this.chords = new RedisChords({ ...shared, resultExpiresMs: expiresMs });
    this.canvases = new RedisCanvases(shared);
    this.#results = new Batcher((results) => storeResults(connections.commands, this.#keys, results, expiresMs));
    this.#feed = new ResultFeed({
      subscriber: connections.subscriber,
      keys: this.#keys,
      fetch: (taskIds) => this.fetch(taskIds),
      read: (text, taskId) => this.#read(text, taskId),
      clock,
      log,
    });
  }

  open({ signal }: Abortable = {}): Promise<void> {
    return untilAborted(this.#connections.open(), signal);
  }

  store(metas: readonly TaskMeta[]): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      const results = metas.map((meta) => ({ taskId: meta.taskId, fence: fenceText(meta), text: encodeMeta(meta) }));
      const resolveRefused = (isStored: readonly boolean[]): void =>
        resolve(metas.filter((_, index) => isStored[index] === false).map(({ taskId }) => taskId));
      this.#results.submitAll(results, resolveRefused, reject);
      if (this.#results.size >= STORED_AT_ONCE) this.#results.flush();
    });
  }

  /** A document that cannot be read is as good as absent, and logged. */
  async fetch(taskIds: readonly string[]): Promise<ReadonlyMap<string, TaskMeta>> {
    const reads: (readonly ["MGET", ...string[]])[] = [];
    for (let start = 0; start < taskIds.length; start += FETCHED_AT_ONCE) {
      reads.push(["MGET", ...taskIds.slice(start, start + FETCHED_AT_ONCE).map((id) => this.#keys.meta(id))]);
    }
    const texts = (await this.#connections.commands.pipeline(reads)).flat() as readonly (string | null)[];
    const found = new Map<string, TaskMeta>();
    texts.forEach((text, index) => {
      const taskId = taskIds[index] ?? "";
      const meta = text === null ? undefined : this.#read(text, taskId);
      if (meta !== undefined) found.set(taskId, meta);
    });
    return found;
  }

  watch(listener: (meta: TaskMeta) => void): ResultWatch {
    return this.#feed.watch(listener);
  }

  async forget(taskIds: readonly string[]): Promise<void> {
    if (taskIds.length === 0) return;
    const keys = taskIds.flatMap((taskId) => [this.#keys.meta(taskId), this.#keys.fence(taskId)]);
    await this.#connections.commands.command(["DEL", ...keys]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#feed[Symbol.dispose]();
    await this.#results.idle();
    await this.#connections[Symbol.asyncDispose]();
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
