import type { DeadLetter, DeadLetterQuery, DeadLetterReason, QueueDepth } from "../../broker/broker.ts";
import { TopologyMismatchError, UnroutableError } from "../../broker/errors.ts";
import type { Leased, PushItem, Settlement, StoredExchange } from "../../broker/queued/message-store.ts";
import type { Message } from "../../message/message.ts";
import type { Binding, Exchange, ExchangeType, Topology } from "../../routing/topology.ts";
import type { Clock } from "../../util/clock.ts";
import { isServedBefore, MemoryQueue } from "./memory-queue.ts";
import type { Entry } from "./memory-queue.ts";

/** Priority of a message that names none. */
const DEFAULT_PRIORITY = 0;

const DEFAULT_DEAD_LETTER_LIMIT = 100;

/** What one or more `MemoryStore`s hold together, as a database file is behind many connections. */
export class MemoryQueues {
  readonly #clock: Clock;
  readonly #exchanges = new Map<string, ExchangeType>();
  readonly #bindings = new Map<string, Binding>();
  readonly #queues = new Map<string, MemoryQueue>();
  readonly #leases = new Map<string, Entry>();
  readonly #deadLetters: DeadLetter[] = [];
  readonly #watchers = new Map<() => void, readonly string[]>();
  /** No lease ends before this: until then, the leases need not be looked through. */
  #firstLeaseEnd = Infinity;
  #arrivals = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  declare(topology: Topology): void {
    const now = this.#now();
    this.#checkTypes(topology.exchanges ?? []);
    for (const { name, type } of topology.exchanges ?? []) this.#exchanges.set(name, type);
    for (const queue of topology.queues ?? []) {
      const existing = this.#queues.get(queue.name);
      if (existing === undefined) this.#queues.set(queue.name, new MemoryQueue(queue, now));
      else existing.touch(now);
    }
    for (const binding of topology.bindings ?? []) {
      this.#bindings.set(JSON.stringify([binding.exchange, binding.queue, binding.routingKey]), binding);
    }
  }

  exchange(name: string): StoredExchange | undefined {
    this.#now();
    const type = this.#exchanges.get(name);
    if (type === undefined) return undefined;
    return { type, bindings: [...this.#bindings.values()].filter((binding) => binding.exchange === name) };
  }

  existing(names: readonly string[]): ReadonlySet<string> {
    this.#now();
    return new Set(names.filter((name) => this.#queues.has(name)));
  }

  push(pushed: readonly PushItem[]): void {
    const now = this.#now();
    const items = pushed.filter(({ signal }) => signal?.aborted !== true);
    const placed = items.map((item) => ({ item, queue: this.#queueToPushTo(item.queue) }));
    for (const { item, queue } of placed) {
      const priority = item.message.properties.priority ?? DEFAULT_PRIORITY;
      const arrival = this.#arrivals++;
      const until = now + item.delayMs;
      queue.add({ message: copyOf(item.message), priority, queue, arrival, deliveries: 0, fence: 0, until }, now);
    }
    for (const queue of new Set(items.map((item) => item.queue))) this.#notify(queue);
  }

  take(names: readonly string[], max: number, leaseMs: number): readonly Leased[] {
    const now = this.#now();
    const queues = names.flatMap((name) => this.#queues.get(name) ?? []);
    const taken: Leased[] = [];
    while (taken.length < max) {
      const entry = firstOf(queues, now);
      if (entry === undefined) break;
      taken.push(this.#lease(entry, now + leaseMs));
    }
    return taken;
  }

  /** When there may be a ready message in these queues without anybody's doing: past if there is one; Infinity if never. */
  nextReady(names: readonly string[]): number {
    return Math.min(this.#firstLeaseEnd, ...names.map((name) => this.#queues.get(name)?.nextReady ?? Infinity));
  }

  /** Calls `wake` whenever a message may have got into one of these queues, until the returned function is called. */
  watch(names: readonly string[], wake: () => void): () => void {
    this.#watchers.set(wake, names);
    return () => this.#watchers.delete(wake);
  }

  settle(settlements: readonly Settlement[]): readonly string[] {
    const now = this.#now();
    const lost: string[] = [];
    for (const settlement of settlements) {
      const entry = this.#leases.get(settlement.receipt);
      if (entry === undefined) lost.push(settlement.receipt);
      else this.#settleOne(settlement, entry, now);
    }
    return lost;
  }

  renew(receipts: readonly string[], leaseMs: number): readonly string[] {
    const until = this.#clock.now() + leaseMs;
    const lost: string[] = [];
    for (const receipt of receipts) {
      const entry = this.#leases.get(receipt);
      if (entry === undefined) lost.push(receipt);
      else entry.until = until;
    }
    return lost;
  }

  attend(consumer: string, names: readonly string[], ttlMs: number): void {
    const now = this.#now();
    const attended = new Set(names);
    for (const queue of this.#queues.values()) {
      if (attended.has(queue.name)) queue.attend(consumer, now + ttlMs);
      else queue.leave(consumer, now);
    }
  }

  queueNames(): readonly string[] {
    this.#now();
    return [...this.#queues.keys()];
  }

  count(name: string): QueueDepth | undefined {
    const now = this.#now();
    return this.#queues.get(name)?.count(now);
  }

  purge(name: string): number {
    this.#now();
    return this.#queues.get(name)?.purge() ?? 0;
  }

  remove(name: string, conditions: { readonly ifEmpty: boolean; readonly ifUnused: boolean }): boolean {
    const now = this.#now();
    const depth = this.#queues.get(name)?.count(now);
    if (depth === undefined) return false;
    if (conditions.ifEmpty && depth.ready + depth.delayed + depth.unacked > 0) return false;
    if (conditions.ifUnused && depth.consumers !== 0) return false;
    this.#delete(name);
    return true;
  }

  deadLetters({ queue, limit = DEFAULT_DEAD_LETTER_LIMIT }: DeadLetterQuery): readonly DeadLetter[] {
    return this.#deadLetters.filter((letter) => queue === undefined || letter.queue === queue).slice(0, limit);
  }

  /** The time, after everything that it has brought about: leases have ended, unused queues are gone. */
  #now(): number {
    const now = this.#clock.now();
    if (now >= this.#firstLeaseEnd) this.#endLeases(now);
    for (const queue of this.#queues.values()) if (queue.isExpired(now)) this.#delete(queue.name);
    return now;
  }

  #endLeases(now: number): void {
    this.#firstLeaseEnd = Infinity;
    for (const [receipt, entry] of this.#leases) {
      if (entry.until <= now) this.#putBack(receipt, entry, now);
      else this.#firstLeaseEnd = Math.min(this.#firstLeaseEnd, entry.until);
    }
  }

  #checkTypes(exchanges: readonly Exchange[]): void {
    for (const { name, type } of exchanges) {
      const existing = this.#exchanges.get(name) ?? type;
      if (existing !== type) throw new TopologyMismatchError(`Exchange "${name}"`, existing, type);
    }
  }

  #queueToPushTo(name: string): MemoryQueue {
    const queue = this.#queues.get(name);
    if (queue === undefined) throw new UnroutableError("", name);
    return queue;
  }

  #lease(entry: Entry, until: number): Leased {
    entry.queue.lease();
    entry.deliveries += 1;
    entry.fence += 1;
    entry.until = until;
    this.#firstLeaseEnd = Math.min(this.#firstLeaseEnd, until);
    const receipt = `${entry.arrival}.${entry.fence}`;
    this.#leases.set(receipt, entry);
    return {
      receipt,
      message: entry.message,
      queue: entry.queue.name,
      deliveries: entry.deliveries,
      fence: entry.fence,
    };
  }

  #settleOne(settlement: Settlement, entry: Entry, now: number): void {
    const { receipt } = settlement;
    switch (settlement.outcome) {
      case "ack":
        this.#release(receipt, entry);
        break;
      case "requeue":
        entry.until = now;
        this.#putBack(receipt, entry, now);
        break;
      case "defer":
        entry.deliveries -= 1;
        entry.until = settlement.until.getTime();
        this.#putBack(receipt, entry, now);
        break;
      case "dead-letter":
        this.#bury(entry, settlement.reason, now);
        this.#release(receipt, entry);
    }
  }

  #release(receipt: string, entry: Entry): void {
    this.#leases.delete(receipt);
    entry.queue.release();
  }

  #putBack(receipt: string, entry: Entry, now: number): void {
    this.#release(receipt, entry);
    entry.queue.add(entry, now);
    this.#notify(entry.queue.name);
  }

  #bury({ arrival, queue, message, deliveries }: Entry, reason: DeadLetterReason, now: number): void {
    this.#deadLetters.push({
      id: String(arrival),
      queue: queue.name,
      message,
      reason,
      deliveries,
      diedAt: new Date(now),
    });
  }

  #delete(name: string): void {
    this.#queues.delete(name);
    for (const [key, binding] of this.#bindings) if (binding.queue === name) this.#bindings.delete(key);
    for (const [receipt, entry] of this.#leases) if (entry.queue.name === name) this.#leases.delete(receipt);
  }

  /** Whoever waited longest is woken first: a woken watcher that watches again goes to the end. */
  #notify(queue: string): void {
    for (const [wake, names] of this.#watchers) if (names.includes(queue)) wake();
  }
}

function firstOf(queues: readonly MemoryQueue[], now: number): Entry | undefined {
  let first: Entry | undefined;
  for (const queue of queues) {
    const entry = queue.first(now);
    if (entry !== undefined && (first === undefined || isServedBefore(entry, first))) first = entry;
  }
  return first;
}

/** As a wire would have it: the sender may go on changing what it sent, and headers are plain JSON. */
function copyOf(message: Message): Message {
  const headers = JSON.parse(JSON.stringify(message.headers)) as Message["headers"];
  return { ...message, body: Uint8Array.from(message.body), headers, properties: { ...message.properties } };
}
