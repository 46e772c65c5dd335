import type { BrokerFeatures, DeadLetter, DeadLetterQuery, DeadLetterSelection } from "../../broker/broker.ts";
import type {
  Leased,
  MessageStore,
  PushItem,
  Settlement,
  StoreDepth,
  StoredExchange,
  TakeOptions,
} from "../../broker/queued/message-store.ts";
import type { RenewerSource } from "../../broker/leases/renewer.ts";
import type { Binding, ExchangeType, Topology } from "../../routing/topology.ts";
import type { Abortable } from "../../util/abortable.ts";
import { uptimeOf } from "../../util/clock.ts";
import { untilAborted } from "../../util/until-aborted.ts";
import type { Database } from "./database.ts";
import { listDeadLetters } from "./dead-letters.ts";
import { GroupCommit } from "./group-commit.ts";
import { lease, nextDueAt } from "./lease.ts";
import { LeapPause } from "./leap-pause.ts";
import { push } from "./push.ts";
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
import { renewerSource } from "./renewer-source.ts";
import { assertReplayable, chosenBetween, drop, lastDeadLetter, replay } from "./replay.ts";
import { renew, settle } from "./settle.ts";
import type { Sql } from "./shared-database.ts";

/** A delay is a number in a row, so it has no end. */
const FEATURES: BrokerFeatures = {
  priorityOrder: "highest-first",
  priorityStep: 1,
  maxDelayMs: Number.MAX_SAFE_INTEGER,
  maxMessageBytes: 128 * 1024 * 1024,
  uniqueKeys: true,
  keepsPlace: true,
};

/** Messages purged in one transaction: it keeps others from writing for some 20 ms. */
const PURGED_AT_ONCE = 5_000;

/** Dead letters replayed or dropped in one transaction. */
const DEAD_LETTERS_AT_ONCE = 1_000;

export interface SqliteStoreOptions {
  readonly url: string;
  /** Disposed with the store. */
  readonly database: Database;
}

/** Messages as rows of one table, shared by any number of processes. What leads to no more than a redelivery when lost is not synced to the disk. */
export class SqliteStore implements MessageStore {
  readonly features: BrokerFeatures = FEATURES;
  readonly isRemote = false;
  readonly url: string;
  readonly renewer: RenewerSource;
  readonly #database: Database;
  readonly #leap: LeapPause;
  /** What a worker acknowledges and what it takes next is one transaction, as it asks for both in one turn. */
  readonly #group: GroupCommit;

  constructor({ url, database }: SqliteStoreOptions) {
    this.url = url;
    this.renewer = renewerSource({ path: database.path, kind: "leases" });
    this.#database = database;
    this.#leap = new LeapPause(database.clock);
    this.#group = new GroupCommit(database);
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

  async push(items: readonly PushItem[]): Promise<readonly (string | undefined)[]> {
    const holders = await this.#database.transaction("durable", (sql) => push(sql, items, this.#now()));
    await this.#tellTakers();
    return holders;
  }

  async take(queues: readonly string[], options: TakeOptions): Promise<readonly Leased[]> {
    options.signal?.throwIfAborted();
    const deadline = uptimeOf(this.#database.clock) + options.waitMs;
    const leased = await this.#lease(queues, options);
    if (leased.length > 0 || options.waitMs <= 0) return leased;
    return this.#leaseOnceThere(queues, deadline, options);
  }

  async settle(settlements: readonly Settlement[]): Promise<readonly string[]> {
    const lost = await this.#group.add((sql) => {
      const now = this.#now();
      return settlements.filter((settlement) => !settle(sql, settlement, now)).map(({ receipt }) => receipt);
    });
    if (settlements.some(isKept)) await this.#tellTakers();
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

  async count(queue: string): Promise<StoreDepth | undefined> {
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
      if (some === PURGED_AT_ONCE) await this.#letOthersWrite();
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

  deadLetters(query: DeadLetterQuery): Promise<readonly DeadLetter[]> {
    return this.#database.read((sql) => listDeadLetters(sql, query));
  }

  /** Durable, as sending is: somebody has been told that it will run. */
  async replay(selection: DeadLetterSelection, queue: string | undefined): Promise<number> {
    await this.#database.read((sql) => assertReplayable(sql, selection, queue, this.#now()));
    const replayed = await this.#withChosen(selection, (sql, ids) => replay(sql, ids, queue, this.#now()));
    await this.#tellTakers();
    return replayed;
  }

  drop(selection: DeadLetterSelection): Promise<number> {
    return this.#withChosen(selection, drop);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database[Symbol.asyncDispose]();
  }

  /** Until `deadline`, of the uptime. Wakes when something changes, and at the instant when a delay or a lease ends. Gives up early when the file is closed. */
  async #leaseOnceThere(queues: readonly string[], deadline: number, options: TakeOptions): Promise<readonly Leased[]> {
    const changes = (await this.#database.changes()).subscribe("messages");
    try {
      for (;;) {
        const leased = await this.#lease(queues, options);
        const leftMs = deadline - uptimeOf(this.#database.clock);
        if (leased.length > 0 || leftMs <= 0 || changes.isClosed) return leased;
        const dueAt = await this.#database.read((sql) => nextDueAt(sql, queues));
        await changes.changed(Math.min(leftMs, dueAt - this.#now()), options);
      }
    } finally {
      changes[Symbol.dispose]();
    }
  }

  /** Looks before it asks for the write lock: most looks find nothing to take. */
  async #lease(queues: readonly string[], { max, leaseMs, signal }: TakeOptions): Promise<readonly Leased[]> {
    const isThere = await this.#database.read((sql) => nextDueAt(sql, queues) <= this.#now());
    if (!isThere) return [];
    await this.#leap.rest({ signal });
    let hasBegunToLease = false;
    const leasing = this.#group.add((sql) => {
      if (signal?.aborted === true) return [];
      hasBegunToLease = true;
      const now = this.#now();
      return lease(sql, queues, max, now, now + leaseMs);
    });
    const leased = await untilAborted(leasing, signal).catch((error: unknown) => {
      if (hasBegunToLease) return leasing;
      throw error;
    });
    // Other takers wait for the end of these leases now.
    await this.#tellTakers();
    return leased;
  }

  /** Hands the chosen dead letters to `work`, some in each transaction, and adds up what it returns. What dies meanwhile is not among them. */
  async #withChosen(
    selection: DeadLetterSelection,
    work: (sql: Sql, ids: readonly number[]) => number,
  ): Promise<number> {
    const last = await this.#database.read(lastDeadLetter);
    for (let total = 0, after = 0; ;) {
      const { ids, count } = await this.#database.transaction("durable", (sql) => {
        const chosen = chosenBetween(sql, selection, after, last, DEAD_LETTERS_AT_ONCE);
        return { ids: chosen, count: work(sql, chosen) };
      });
      total += count;
      after = ids.at(-1) ?? last;
      if (ids.length < DEAD_LETTERS_AT_ONCE) return total;
      await this.#letOthersWrite();
    }
  }

  async #removeExpiredQueues(): Promise<void> {
    const now = this.#now();
    if (!(await this.#database.read((sql) => hasExpiredQueues(sql, now)))) return;
    await this.#database.transaction("relaxed", (sql) => removeExpiredQueues(sql, now));
  }

  /** Those of this process, between two steps of something long. */
  async #letOthersWrite(): Promise<void> {
    await this.#database.clock.sleep(0);
  }

  async #tellTakers(): Promise<void> {
    (await this.#database.changes()).notify("messages");
  }

  #now(): number {
    return this.#database.clock.now();
  }
}

/** Whether the message is to be taken again. */
function isKept({ outcome }: Settlement): boolean {
  return outcome === "requeue" || outcome === "hand-back" || outcome === "defer";
}
