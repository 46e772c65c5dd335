import type { DeadLetter, DeadLetterQuery, DeadLetterSelection } from "../../broker/broker.ts";
import { UnroutableError } from "../../broker/errors.ts";
import { LEASE_LOST, withNote } from "../../broker/queued/history.ts";
import type { Leased, PushItem, Settlement, StoreDepth, StoredExchange } from "../../broker/queued/message-store.ts";
import { nextFence } from "../../broker/queued/next-fence.ts";
import type { Topology } from "../../routing/topology.ts";
import type { Clock } from "../../util/clock.ts";
import { MemoryDeadLetters } from "./memory-dead-letters.ts";
import { entryOf } from "./memory-entry.ts";
import { MemoryExchanges } from "./memory-exchanges.ts";
import { isServedBefore, MemoryQueue } from "./memory-queue.ts";
import type { Entry } from "./memory-queue.ts";
import { UniqueKeys } from "./memory-unique-keys.ts";

/** What one or more `MemoryStore`s hold together, as a database file is behind many connections. */
export class MemoryQueues {
  readonly #clock: Clock;
  readonly #exchanges = new MemoryExchanges();
  readonly #queues = new Map<string, MemoryQueue>();
  readonly #leases = new Map<string, Entry>();
  readonly #deadLetters = new MemoryDeadLetters();
  readonly #uniqueKeys = new UniqueKeys();
  readonly #watchers = new Map<() => void, readonly string[]>();
  /** No lease ends before this: until then, the leases need not be looked through. */
  #firstLeaseEnd = Infinity;
  #arrivals = 0;
  #lastFence = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  declare(topology: Topology): void {
    const now = this.#now();
    this.#exchanges.declare(topology.exchanges ?? []);
    for (const queue of topology.queues ?? []) {
      const existing = this.#queues.get(queue.name);
      if (existing === undefined) this.#queues.set(queue.name, new MemoryQueue(queue, now));
      else existing.touch(now);
    }
    this.#exchanges.bind(topology.bindings ?? []);
  }

  exchange(name: string): StoredExchange | undefined {
    this.#now();
    return this.#exchanges.get(name);
  }

  existing(names: readonly string[]): ReadonlySet<string> {
    this.#now();
    return new Set(names.filter((name) => this.#queues.has(name)));
  }

  push(items: readonly PushItem[]): readonly (string | undefined)[] {
    const now = this.#now();
    const wanted = items.filter((item) => item.isGivenUp?.() !== true);
    const names = new Set(wanted.flatMap((item) => item.queues));
    for (const name of names) this.#existing(name);
    const holders = items.map((item) => (item.isGivenUp?.() === true ? undefined : this.#pushOne(item, now)));
    for (const name of names) this.#notify(name);
    return holders;
  }

  /** Whether a lease has run out that nobody has renewed yet. It is held until the next `take`. */
  get hasEndedLeases(): boolean {
    return this.#clock.now() >= this.#firstLeaseEnd;
  }

  take(names: readonly string[], max: number, leaseMs: number): readonly Leased[] {
    const now = this.#now();
    if (this.hasEndedLeases) this.#endLeases(now);
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

  count(name: string): StoreDepth | undefined {
    const now = this.#now();
    return this.#queues.get(name)?.count(now);
  }

  purge(name: string): number {
    this.#now();
    const purged = this.#queues.get(name)?.purge() ?? [];
    for (const entry of purged) this.#uniqueKeys.free(entry);
    return purged.length;
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

  deadLetters(query: DeadLetterQuery): readonly DeadLetter[] {
    return this.#deadLetters.list(query);
  }

  replay(selection: DeadLetterSelection, to: string | undefined): number {
    const now = this.#now();
    if (to !== undefined) this.#existing(to);
    const letters = this.#deadLetters.select(selection);
    const placed = letters.map((letter) => ({ letter, queue: this.#existing(to ?? letter.queue) }));
    this.#deadLetters.delete(letters);
    for (const { letter, queue } of placed) {
      const { entry, reason, diedAt } = letter;
      const history = withNote(entry.history, reason, diedAt);
      const revived = { ...entry, queue, arrival: this.#arrivals++, deliveries: 0, history, until: now };
      this.#uniqueKeys.holdIfFree(revived);
      queue.add(revived, now);
    }
    for (const { name } of new Set(placed.map(({ queue }) => queue))) this.#notify(name);
    return letters.length;
  }

  drop(selection: DeadLetterSelection): number {
    const letters = this.#deadLetters.select(selection);
    this.#deadLetters.delete(letters);
    return letters.length;
  }

  /** The time, after what it has brought about: unused queues are gone. */
  #now(): number {
    const now = this.#clock.now();
    for (const queue of this.#queues.values()) if (queue.isExpired(now)) this.#delete(queue.name);
    return now;
  }

  #endLeases(now: number): void {
    this.#firstLeaseEnd = Infinity;
    for (const [receipt, entry] of this.#leases) {
      if (entry.until <= now) this.#loseLease(receipt, entry, now);
      else this.#firstLeaseEnd = Math.min(this.#firstLeaseEnd, entry.until);
    }
  }

  #loseLease(receipt: string, entry: Entry, now: number): void {
    entry.history = withNote(entry.history, LEASE_LOST, entry.until);
    this.#putBack(receipt, entry, now);
  }

  #existing(name: string): MemoryQueue {
    const queue = this.#queues.get(name);
    if (queue === undefined) throw new UnroutableError("", name);
    return queue;
  }

  /** The correlation id of the message that keeps the unique key, if there is one; then nothing was pushed. */
  #pushOne({ queues, message, delayMs, unique }: PushItem, now: number): string | undefined {
    const holder = unique && this.#uniqueKeys.clear(unique, message, (entry) => entry.queue.delete(entry));
    if (holder !== undefined) return holder;
    for (const name of queues) {
      const queue = this.#existing(name);
      const entry = entryOf({ message, unique, queue, arrival: this.#arrivals++, until: now + delayMs });
      this.#uniqueKeys.hold(entry);
      queue.add(entry, now);
    }
    return undefined;
  }

  #lease(entry: Entry, until: number): Leased {
    entry.queue.lease();
    this.#uniqueKeys.start(entry);
    entry.deliveries += 1;
    this.#lastFence = nextFence(this.#lastFence, this.#clock.now());
    entry.until = until;
    this.#firstLeaseEnd = Math.min(this.#firstLeaseEnd, until);
    const fence = this.#lastFence;
    const receipt = `${entry.arrival}.${fence}`;
    this.#leases.set(receipt, entry);
    return {
      receipt,
      message: entry.message,
      queue: entry.queue.name,
      deliveries: entry.deliveries,
      fence,
    };
  }

  #settleOne(settlement: Settlement, entry: Entry, now: number): void {
    const { receipt } = settlement;
    switch (settlement.outcome) {
      case "ack":
        this.#end(receipt, entry);
        break;
      case "requeue":
        if (settlement.reason !== undefined) entry.history = withNote(entry.history, settlement.reason, now);
        entry.until = now;
        this.#putBack(receipt, entry, now);
        break;
      case "hand-back":
        entry.deliveries -= 1;
        entry.until = now;
        this.#putBack(receipt, entry, now);
        break;
      case "defer":
        entry.deliveries -= 1;
        entry.until = settlement.until.getTime();
        this.#putBack(receipt, entry, now);
        break;
      case "dead-letter":
        this.#deadLetters.add(entry, settlement.reason, now);
        this.#end(receipt, entry);
    }
  }

  #end(receipt: string, entry: Entry): void {
    this.#release(receipt, entry);
    this.#uniqueKeys.free(entry);
  }

  #release(receipt: string, entry: Entry): void {
    this.#leases.delete(receipt);
    entry.queue.release(entry);
  }

  #putBack(receipt: string, entry: Entry, now: number): void {
    this.#release(receipt, entry);
    entry.queue.add(entry, now);
    this.#notify(entry.queue.name);
  }

  #delete(name: string): void {
    for (const entry of this.#queues.get(name)?.purge() ?? []) this.#uniqueKeys.free(entry);
    for (const [receipt, entry] of this.#leases) if (entry.queue.name === name) this.#end(receipt, entry);
    this.#queues.delete(name);
    this.#exchanges.unbind(name);
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
