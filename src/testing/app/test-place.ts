import { memory } from "../../adapters/memory/index.ts";
import { MemoryBroadcaster } from "../../adapters/memory/memory-broadcaster.ts";
import { MemoryQueues } from "../../adapters/memory/memory-queues.ts";
import { MemoryStore } from "../../adapters/memory/memory-store.ts";
import type { Adapter } from "../../adapters/adapter.ts";
import type { MessageStore } from "../../broker/queued/message-store.ts";
import { QueuedBroker } from "../../broker/queued/queued-broker.ts";
import type { FakeClock } from "../fake-clock.ts";
import { Faults } from "../faults/faults.ts";
import { FaultyStore } from "../faults/faulty-store.ts";
import { Outage } from "../faults/outage.ts";
import { intercepted } from "../intercepted.ts";
import type { SentCalls } from "./sent-calls.ts";

/** Broker, results and keys in memory: the broker's store is one that faults strike, and what is sent is written down. */
export class TestPlace {
  readonly adapter: Adapter;
  readonly clock: FakeClock;
  readonly outage: Outage;
  readonly faults: Faults;
  readonly #queues: MemoryQueues;
  readonly #faulty: FaultyStore;

  constructor(clock: FakeClock, sent: SentCalls, taskNames: () => readonly string[]) {
    this.clock = clock;
    this.outage = new Outage(clock);
    this.faults = new Faults(this.outage, taskNames);
    this.#queues = new MemoryQueues(clock);
    const struck = new MemoryStore({ clock, queues: this.#queues });
    this.#faulty = new FaultyStore({ struck, faults: this.faults, outage: this.outage, clock });
    const store = noting(this.#faulty.store, sent, clock);
    const broadcaster = new MemoryBroadcaster();
    this.adapter = { ...memory(), createBroker: ({ log }) => new QueuedBroker({ store, broadcaster, clock, log }) };
  }

  /** Deliveries that a worker owes an answer. */
  get held(): number {
    return this.#faulty.held;
  }

  /** How often a message was handed out so far, those that a fault struck included. */
  get handOuts(): number {
    return this.#faulty.handOuts;
  }

  queueNames(): readonly string[] {
    return this.#queues.queueNames();
  }

  /** Whether there may be a message to take from one of these queues, one whose lease has run out included. */
  hasReady(queues: readonly string[]): boolean {
    return this.#queues.nextReady(queues) <= this.clock.now();
  }

  /** When there will be one, in milliseconds since the epoch, as a delay or a lease ends; undefined when there is nothing to wait for. */
  nextDue(queues: readonly string[]): number | undefined {
    const isWaiting = queues.some((name) => {
      const depth = this.#queues.count(name);
      return depth !== undefined && depth.delayed + depth.unacked > 0;
    });
    return isWaiting ? this.#queues.nextReady(queues) : undefined;
  }
}

function noting(store: MessageStore, sent: SentCalls, clock: FakeClock): MessageStore {
  return intercepted(store, {
    // An app whose broker could not be opened disposes it, and makes another.
    [Symbol.asyncDispose]: () => Promise.resolve(),
    push: async (items) => {
      const holders = await store.push(items);
      sent.note(items, holders, clock.now());
      return holders;
    },
  });
}
