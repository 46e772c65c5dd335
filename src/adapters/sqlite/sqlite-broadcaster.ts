import {
  bindingKey,
  type Broadcaster,
  type BroadcasterSource,
  type Listener,
  type ListenOptions,
} from "../../broker/broadcaster.ts";
import type { Message } from "../../message/message.ts";
import { queuesFor } from "../../routing/route-table.ts";
import type { Exchange } from "../../routing/topology.ts";
import { Batcher } from "../../util/batcher.ts";
import type { Subscription } from "./change-feed.ts";
import { isRefusal, type Database } from "./database.ts";
import type { Sql } from "./shared-database.ts";
import { decodeMessage, encodeHead, type StoredMessage } from "./stored-message.ts";

/** Rows kept for listeners that are behind; of more than these, the oldest are dropped. Looked at once in so many broadcasts. */
const KEPT = 20_000;
const PRUNE_EVERY = 1_000;
/** Rows that a listener reads at once. */
const PAGE = 500;

const INSERT =
  "INSERT INTO broadcasts (sent_at, exchange, routing_key, head, body) VALUES (?, ?, ?, ?, ?) RETURNING id";
const LAST_ID = "SELECT seq FROM sqlite_sequence WHERE name = 'broadcasts'";
const NEWS = `
  SELECT id, routing_key, head, body FROM broadcasts WHERE id > ? AND id <= ? AND exchange = ? ORDER BY id LIMIT ${PAGE}`;

/**
 * Broadcasts as rows of a table, which every listener reads from where it is. Such a place is enough since SQLite lets one write at a time: ids
 * become visible in their order. After River's SQLite listener (riverdriver/riversqlite).
 */
export class SqliteBroadcaster implements Broadcaster {
  readonly source: BroadcasterSource | undefined;
  readonly #database: Database;
  readonly #broadcasts: Batcher<Broadcast, undefined>;

  constructor(database: Database, source?: BroadcasterSource) {
    this.source = source;
    this.#database = database;
    this.#broadcasts = new Batcher((broadcasts) => this.#insert(broadcasts), { isolates: isRefusal });
  }

  broadcast(message: Message, exchange: Exchange, routingKey = ""): Promise<undefined> {
    return this.#broadcasts.add({ exchange: exchange.name, routingKey, head: encodeHead(message), body: message.body });
  }

  async listen(exchange: Exchange, { pattern, signal }: ListenOptions = {}): Promise<Listener> {
    signal?.throwIfAborted();
    const changes = (await this.#database.changes()).subscribe("broadcasts");
    try {
      const place = await this.#database.read(lastId);
      return new SqliteListener({
        database: this.#database,
        changes,
        exchange,
        binding: bindingKey(exchange, pattern),
        place,
      });
    } catch (error) {
      changes[Symbol.dispose]();
      throw error;
    }
  }

  async #insert(broadcasts: readonly Broadcast[]): Promise<readonly undefined[]> {
    await this.#database.transaction("relaxed", (sql) => {
      const sentAt = this.#database.clock.now();
      for (const { exchange, routingKey, head, body } of broadcasts) {
        const row = sql<{ readonly id: number }>(INSERT).get(sentAt, exchange, routingKey, head, body);
        if (row !== undefined && row.id % PRUNE_EVERY === 0)
          sql("DELETE FROM broadcasts WHERE id <= ?").run(row.id - KEPT);
      }
    });
    (await this.#database.changes()).notify("broadcasts");
    return broadcasts.map(() => undefined);
  }
}

interface Broadcast extends StoredMessage {
  readonly exchange: string;
  readonly routingKey: string;
}

interface ListenerOptions {
  readonly database: Database;
  readonly changes: Subscription;
  readonly exchange: Exchange;
  readonly binding: string | undefined;
  /** Id of the last broadcast that it has seen. */
  readonly place: number;
}

/** Reads as it is read from: what is not asked for waits in the table, not in memory. */
class SqliteListener implements Listener {
  readonly #options: ListenerOptions;
  readonly #disposed = new AbortController();
  #changes: Subscription;
  #place: number;
  #ahead: Message[] = [];

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#changes = options.changes;
    this.#place = options.place;
  }

  [Symbol.asyncIterator](): AsyncIterator<Message, undefined> {
    return { next: () => this.#next() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed.abort();
    this.#changes[Symbol.dispose]();
  }

  async #next(): Promise<IteratorResult<Message, undefined>> {
    while (!this.#isEnded) {
      const message = this.#ahead.shift();
      if (message !== undefined) return { done: false, value: message };
      if (!(await this.#readOn())) await this.#news();
    }
    return { done: true, value: undefined };
  }

  get #isEnded(): boolean {
    return this.#disposed.signal.aborted || this.#options.database.isClosed;
  }

  /** Whether there was anything to read. */
  async #readOn(): Promise<boolean> {
    const { database, exchange } = this.#options;
    const read = await database.read((sql) => {
      const last = lastId(sql);
      return { last, rows: last === this.#place ? [] : sql<Row>(NEWS).all(this.#place, last, exchange.name) };
    });
    const before = this.#place;
    this.#place = read.rows.length < PAGE ? read.last : (read.rows.at(-1)?.id ?? read.last);
    // What cannot be read is passed over: nobody waits for it.
    this.#ahead = read.rows.flatMap((row) => (this.#isMeant(row.routing_key) ? (decodeMessage(row) ?? []) : []));
    return this.#place !== before;
  }

  /** A listener is bound to its exchange as a queue would be. */
  #isMeant(routingKey: string): boolean {
    const { exchange, binding } = this.#options;
    if (binding === undefined) return true;
    return (
      queuesFor(exchange.type, [{ exchange: exchange.name, queue: "", routingKey: binding }], routingKey).length > 0
    );
  }

  async #news(): Promise<void> {
    const { signal } = this.#disposed;
    try {
      await this.#changes.changed(Infinity, { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    if (this.#changes.isClosed && !this.#isEnded) await this.#listenAnew();
  }

  /** The file was replaced: whatever is in the new one is news. */
  async #listenAnew(): Promise<void> {
    this.#changes[Symbol.dispose]();
    await this.#options.database.open();
    this.#changes = (await this.#options.database.changes()).subscribe("broadcasts");
    this.#place = 0;
  }
}

interface Row extends StoredMessage {
  readonly id: number;
  readonly routing_key: string;
}

function lastId(sql: Sql): number {
  return sql<{ readonly seq: number }>(LAST_ID).get()?.seq ?? 0;
}
