import type { BrokerFeatures, DeadLetter, DeadLetterQuery, DeadLetterReason, QueueDepth } from "../../broker/broker.ts";
import { UnroutableError } from "../../broker/errors.ts";
import type {
  Leased,
  MessageStore,
  PushItem,
  Settlement,
  StoredExchange,
  TakeOptions,
} from "../../broker/queued/message-store.ts";
import type { Message } from "../../message/message.ts";
import type { Binding, ExchangeType, Topology } from "../../routing/topology.ts";
import type { Abortable } from "../../util/abortable.ts";
import type { Database } from "./database.ts";
import { lease, nextDueAt } from "./lease.ts";
import {
  declareExchange,
  declareQueue,
  depthOf,
  hasExpiredQueues,
  noteAttendance,
  purgeSome,
  queueExists,
  removeExpiredQueues,
  removeQueue,
} from "./queues.ts";
import { DEAD, DELAYED, READY } from "./schema.ts";
import { renew, settle } from "./settle.ts";
import type { Sql } from "./shared-database.ts";
import { decodeMessage, encodeHead, UNREADABLE, withoutHead, type StoredMessage } from "./stored-message.ts";

/** A delay is a number in a row, so it has no end. */
const FEATURES: BrokerFeatures = {
  priorityOrder: "highest-first",
  priorityStep: 1,
  maxDelayMs: Number.MAX_SAFE_INTEGER,
  maxMessageBytes: 128 * 1024 * 1024,
};

/** Messages purged in one transaction: it keeps others from writing for some 20 ms. */
const PURGED_AT_ONCE = 5_000;

const DEFAULT_DEAD_LETTERS = 100;

const INSERT = "INSERT INTO messages (state, due_at, queue, rank, since, head, body) VALUES (?, ?, ?, ?, ?, ?, ?)";
const DEAD_LETTERS = `
  SELECT id, queue, reason, deliveries, due_at, head, body FROM messages
  WHERE state = ${DEAD} AND queue = coalesce(?, queue) ORDER BY due_at, id LIMIT ?`;

export interface SqliteStoreOptions {
  readonly url: string;
  /** Disposed with the store. */
  readonly database: Database;
}

/** Messages as rows of one table, shared by any number of processes. What leads to no more than a redelivery when lost is not synced to the disk. */
export class SqliteStore implements MessageStore {
  readonly features: BrokerFeatures = FEATURES;
  readonly url: string;
  readonly #database: Database;

  constructor({ url, database }: SqliteStoreOptions) {
    this.url = url;
    this.#database = database;
  }

  open(options: Abortable = {}): Promise<void> {
    return this.#database.open(options);
  }

  declare(topology: Topology): Promise<void> {
    const { exchanges = [], queues = [], bindings = [] } = topology;
    return this.#database.transaction("durable", (sql) => {
      const now = this.#now();
      removeExpiredQueues(sql, now);
      for (const exchange of exchanges) declareExchange(sql, exchange);
      for (const queue of queues) declareQueue(sql, queue, now);
      const bind = sql("INSERT OR IGNORE INTO bindings (exchange, queue, routing_key) VALUES (?, ?, ?)");
      for (const { exchange, queue, routingKey } of bindings) bind.run(exchange, queue, routingKey);
    });
  }

  exchange(name: string): Promise<StoredExchange | undefined> {
    return this.#database.read((sql) => {
      const exchange = sql<{ readonly type: ExchangeType }>("SELECT type FROM exchanges WHERE name = ?").get(name);
      const bindings = sql<Binding>(
        "SELECT exchange, queue, routing_key AS routingKey FROM bindings WHERE exchange = ?",
      ).all(name);
      return exchange === undefined ? undefined : { type: exchange.type, bindings };
    });
  }

  existing(queues: readonly string[]): Promise<ReadonlySet<string>> {
    return this.#database.read((sql) => new Set(queues.filter((queue) => queueExists(sql, queue, this.#now()))));
  }

  async push(pushed: readonly PushItem[]): Promise<void> {
    await this.#database.transaction("durable", (sql) => {
      const now = this.#now();
      // The lock may have been long in coming.
      const items = pushed.filter(({ signal }) => signal?.aborted !== true);
      for (const queue of new Set(items.map((item) => item.queue))) {
        if (!queueExists(sql, queue, now)) throw new UnroutableError("", queue);
      }
      const insert = sql(INSERT);
      for (const { queue, message, delayMs } of items) {
        const dueAt = Math.min(now + Math.ceil(delayMs), Number.MAX_SAFE_INTEGER);
        insert.run(
          delayMs > 0 ? DELAYED : READY,
          dueAt,
          queue,
          rankOf(message),
          dueAt,
          encodeHead(message),
          message.body,
        );
      }
    });
    await this.#tellTakers();
  }

  async take(queues: readonly string[], options: TakeOptions): Promise<readonly Leased[]> {
    options.signal?.throwIfAborted();
    const deadline = this.#now() + options.waitMs;
    const leased = await this.#lease(queues, options);
    if (leased.length > 0 || options.waitMs <= 0) return leased;
    return this.#leaseOnceThere(queues, deadline, options);
  }

  async settle(settlements: readonly Settlement[]): Promise<readonly string[]> {
    const lost = await this.#database.transaction("relaxed", (sql) => {
      const now = this.#now();
      return settlements.filter((settlement) => !settle(sql, settlement, now)).map(({ receipt }) => receipt);
    });
    if (settlements.some(({ outcome }) => outcome === "requeue" || outcome === "defer")) await this.#tellTakers();
    return lost;
  }

  renew(receipts: readonly string[], leaseMs: number): Promise<readonly string[]> {
    return this.#database.transaction("relaxed", (sql) => {
      const leasedUntil = this.#now() + leaseMs;
      return receipts.filter((receipt) => !renew(sql, receipt, leasedUntil));
    });
  }

  attend(consumer: string, queues: readonly string[], ttlMs: number): Promise<void> {
    return this.#database.transaction("relaxed", (sql) => noteAttendance(sql, consumer, queues, this.#now(), ttlMs));
  }

  async queueNames(): Promise<readonly string[]> {
    await this.#removeExpiredQueues();
    const rows = await this.#database.read((sql) =>
      sql<{ readonly name: string }>("SELECT name FROM queues ORDER BY name").all(),
    );
    return rows.map((row) => row.name);
  }

  async count(queue: string): Promise<QueueDepth | undefined> {
    await this.#removeExpiredQueues();
    return this.#database.read((sql) => {
      const now = this.#now();
      return queueExists(sql, queue, now) ? depthOf(sql, queue, now) : undefined;
    });
  }

  async purge(queue: string): Promise<number> {
    for (let purged = 0; ;) {
      const some = await this.#database.transaction("durable", (sql) => purgeSome(sql, queue, PURGED_AT_ONCE));
      if (some === 0) return purged;
      purged += some;
      // Others of this process get their turn too.
      if (some === PURGED_AT_ONCE) await this.#database.clock.sleep(0);
    }
  }

  remove(queue: string, conditions: { readonly ifEmpty: boolean; readonly ifUnused: boolean }): Promise<boolean> {
    return this.#database.transaction("durable", (sql) => {
      const now = this.#now();
      if (!queueExists(sql, queue, now)) return false;
      const { ready, delayed, unacked, consumers } = depthOf(sql, queue, now);
      if (conditions.ifEmpty && ready + delayed + unacked > 0) return false;
      if (conditions.ifUnused && consumers > 0) return false;
      removeQueue(sql, queue);
      return true;
    });
  }

  async deadLetters({ queue, limit = DEFAULT_DEAD_LETTERS }: DeadLetterQuery): Promise<readonly DeadLetter[]> {
    const rows = await this.#database.read((sql) => sql<DeadRow>(DEAD_LETTERS).all(queue ?? null, limit));
    return rows.map(deadLetterOf);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database[Symbol.asyncDispose]();
  }

  /** Wakes when something changes, and at the instant when a delay or a lease ends. Gives up early when the file is closed. */
  async #leaseOnceThere(queues: readonly string[], deadline: number, options: TakeOptions): Promise<readonly Leased[]> {
    const changes = (await this.#database.changes()).subscribe("messages");
    try {
      for (;;) {
        const leased = await this.#lease(queues, options);
        if (leased.length > 0 || this.#now() >= deadline || changes.isClosed) return leased;
        const dueAt = await this.#database.read((sql) => nextDueAt(sql, queues));
        await changes.changed(Math.min(deadline, dueAt) - this.#now(), options);
      }
    } finally {
      changes[Symbol.dispose]();
    }
  }

  /** Looks before it asks for the write lock: most looks find nothing to take. */
  async #lease(queues: readonly string[], { max, leaseMs, signal }: TakeOptions): Promise<readonly Leased[]> {
    const isThere = await this.#database.read((sql) => nextDueAt(sql, queues) <= this.#now());
    if (!isThere) return [];
    const leaseNow = (sql: Sql): readonly Leased[] => {
      const now = this.#now();
      return lease(sql, queues, max, now, now + leaseMs);
    };
    const leased = await this.#database.transaction("relaxed", leaseNow, { signal });
    // Other takers wait for the end of these leases now.
    await this.#tellTakers();
    return leased;
  }

  async #removeExpiredQueues(): Promise<void> {
    const now = this.#now();
    if (!(await this.#database.read((sql) => hasExpiredQueues(sql, now)))) return;
    await this.#database.transaction("relaxed", (sql) => removeExpiredQueues(sql, now));
  }

  async #tellTakers(): Promise<void> {
    (await this.#database.changes()).notify("messages");
  }

  #now(): number {
    return this.#database.clock.now();
  }
}

/** Ascending ranks are AMQP's order of priorities; a message without one has the lowest. */
function rankOf(message: Message): number {
  return 0 - Math.trunc(message.properties.priority ?? 0);
}

interface DeadRow extends StoredMessage {
  readonly id: number;
  readonly queue: string;
  readonly reason: string;
  readonly deliveries: number;
  readonly due_at: number;
}

function deadLetterOf(row: DeadRow): DeadLetter {
  return {
    id: String(row.id),
    queue: row.queue,
    message: decodeMessage(row) ?? withoutHead(row),
    reason: decodeReason(row.reason),
    deliveries: row.deliveries,
    diedAt: new Date(row.due_at),
  };
}

function decodeReason(text: string): DeadLetterReason {
  try {
    return JSON.parse(text) as DeadLetterReason;
  } catch {
    return { code: UNREADABLE, detail: text };
  }
}
