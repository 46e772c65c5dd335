import type { BrokerFeatures, DeadLetter, DeadLetterQuery, DeadLetterSelection } from "../../broker/broker.ts";
import { BrokerUnavailableError } from "../../broker/errors.ts";
import type {
  Leased,
  MessageStore,
  PushItem,
  Settlement,
  StoreDepth,
  StoredExchange,
  TakeOptions,
} from "../../broker/queued/message-store.ts";
import type { Topology } from "../../routing/topology.ts";
import type { Clock } from "../../util/clock.ts";
import { MemoryQueues } from "./memory-queues.ts";

const FEATURES: BrokerFeatures = {
  priorityOrder: "highest-first",
  priorityStep: 1,
  maxDelayMs: Number.MAX_SAFE_INTEGER,
  maxMessageBytes: 128 * 1024 * 1024,
  uniqueKeys: true,
  keepsPlace: true,
};

export interface MemoryStoreOptions {
  readonly clock: Clock;
  /** Shared with other stores, as if they were in other processes. @default its own */
  readonly queues?: MemoryQueues;
}

/** Messages in this process's memory, gone with it. For tests and examples. */
export class MemoryStore implements MessageStore {
  readonly features: BrokerFeatures = FEATURES;
  readonly isRemote = false;
  readonly url = "memory:";
  readonly #clock: Clock;
  readonly #queues: MemoryQueues;
  readonly #disposed = new AbortController();

  constructor({ clock, queues = new MemoryQueues(clock) }: MemoryStoreOptions) {
    this.#clock = clock;
    this.#queues = queues;
  }

  open(): Promise<void> {
    return this.#do(() => undefined);
  }

  declare(topology: Topology): Promise<void> {
    return this.#do((queues) => queues.declare(topology));
  }

  exchange(name: string): Promise<StoredExchange | undefined> {
    return this.#do((queues) => queues.exchange(name));
  }

  existing(names: readonly string[]): Promise<ReadonlySet<string>> {
    return this.#do((queues) => queues.existing(names));
  }

  push(items: readonly PushItem[]): Promise<readonly (string | undefined)[]> {
    return this.#do((queues) => queues.push(items));
  }

  async take(names: readonly string[], options: TakeOptions): Promise<readonly Leased[]> {
    const end = this.#clock.now() + options.waitMs;
    for (;;) {
      options.signal?.throwIfAborted();
      // After a block of the event loop, renewals are as late as this: they come first.
      if (this.#queues.hasEndedLeases) await this.#clock.sleep(0, options);
      const taken = await this.#do((queues) => queues.take(names, options.max, options.leaseMs));
      if (taken.length > 0 || this.#clock.now() >= end) return taken;
      await this.#waitForMessage(names, end, options.signal);
    }
  }

  settle(settlements: readonly Settlement[]): Promise<readonly string[]> {
    return this.#do((queues) => queues.settle(settlements));
  }

  renew(receipts: readonly string[], leaseMs: number): Promise<readonly string[]> {
    return this.#do((queues) => queues.renew(receipts, leaseMs));
  }

  attend(consumer: string, names: readonly string[], ttlMs: number): Promise<void> {
    return this.#do((queues) => queues.attend(consumer, names, ttlMs));
  }

  queueNames(): Promise<readonly string[]> {
    return this.#do((queues) => queues.queueNames());
  }

  count(name: string): Promise<StoreDepth | undefined> {
    return this.#do((queues) => queues.count(name));
  }

  purge(name: string): Promise<number> {
    return this.#do((queues) => queues.purge(name));
  }

  remove(name: string, conditions: { readonly ifEmpty: boolean; readonly ifUnused: boolean }): Promise<boolean> {
    return this.#do((queues) => queues.remove(name, conditions));
  }

  deadLetters(query: DeadLetterQuery): Promise<readonly DeadLetter[]> {
    return this.#do((queues) => queues.deadLetters(query));
  }

  replay(selection: DeadLetterSelection, queue: string | undefined): Promise<number> {
    return this.#do((queues) => queues.replay(selection, queue));
  }

  drop(selection: DeadLetterSelection): Promise<number> {
    return this.#do((queues) => queues.drop(selection));
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed.abort();
    return Promise.resolve();
  }

  async #do<T>(operation: (queues: MemoryQueues) => T): Promise<T> {
    if (this.#disposed.signal.aborted) throw new BrokerUnavailableError(this.url, "the store has been disposed.");
    return operation(this.#queues);
  }

  /** Resolves when there may be one, at `end`, or when the wait is called off. */
  async #waitForMessage(names: readonly string[], end: number, signal: AbortSignal | undefined): Promise<void> {
    const calledOff = [this.#disposed.signal, ...(signal === undefined ? [] : [signal])];
    if (calledOff.some(({ aborted }) => aborted)) return;
    const woken = new AbortController();
    const wake = (): void => woken.abort();
    const unwatch = this.#queues.watch(names, wake);
    for (const each of calledOff) each.addEventListener("abort", wake);
    const waitMs = Math.min(end, this.#queues.nextReady(names)) - this.#clock.now();
    await this.#clock.sleep(waitMs, { signal: woken.signal }).catch(() => undefined);
    unwatch();
    for (const each of calledOff) each.removeEventListener("abort", wake);
  }
}
