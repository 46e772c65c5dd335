import type { Topology } from "../../routing/topology.ts";
import type { Abortable } from "../../util/abortable.ts";
import type { Clock } from "../../util/clock.ts";
import { toError } from "../../util/errors.ts";
import type { Logger } from "../../util/logger.ts";
import { untilAborted } from "../../util/until-aborted.ts";
import type {
  Broker,
  BrokerFeatures,
  BrokerState,
  ConsumeOptions,
  Consumer,
  DeadLetter,
  DeadLetterQuery,
  DeadLetterSelection,
  Publication,
  QueueDepth,
  RemoveOptions,
  ReplayOptions,
} from "../broker.ts";
import type { Broadcaster } from "../broadcaster.ts";
import { MessageTooLargeError } from "../errors.ts";
import { LeaseKeeper } from "../leases/lease-keeper.ts";
import { atMost } from "../../util/at-most.ts";
import type { MessageStore } from "./message-store.ts";
import { Publisher } from "./publisher.ts";
import { QueuedConsumer } from "./queued-consumer.ts";
import { Settler } from "./settler.ts";
import { StoreConnection } from "./store-connection.ts";

export interface QueuedBrokerOptions {
  /** Owned by the broker: disposed with it. */
  readonly store: MessageStore;
  readonly broadcaster?: Broadcaster | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** How soon the messages of a dead consumer go to others, in milliseconds. @default 20_000 */
  readonly leaseMs?: number | undefined;
}

const DEFAULT_LEASE_MS = 20_000;

/** How long disposing waits for the store, in milliseconds. */
const DISPOSE_MS = 4_000;

/** AMQP semantics over a store that has none. */
export class QueuedBroker implements Broker {
  readonly features: BrokerFeatures;
  readonly broadcaster: Broadcaster | undefined;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #leaseMs: number;
  readonly #connection: StoreConnection;
  readonly #publisher: Publisher;
  readonly #settler: Settler;
  readonly #keeper: LeaseKeeper;
  readonly #consumers = new Set<QueuedConsumer>();
  /** Names of the exclusive queues that were declared here. */
  readonly #exclusive = new Set<string>();
  readonly #disposing = new AbortController();
  #disposed: Promise<void> | undefined;

  constructor(options: QueuedBrokerOptions) {
    const { store, broadcaster, clock, log, leaseMs = DEFAULT_LEASE_MS } = options;
    this.features = store.features;
    this.broadcaster = broadcaster;
    this.#clock = clock;
    this.#log = log;
    this.#leaseMs = leaseMs;
    this.#connection = new StoreConnection(store, log);
    this.#publisher = new Publisher(this.#connection, (publications) => this.#check(publications));
    this.#settler = new Settler({ connection: this.#connection, clock, ending: this.#disposing.signal });
    const renew = (receipts: readonly string[]): Promise<readonly string[]> =>
      this.#connection.run((opened) => opened.renew(receipts, leaseMs));
    this.#keeper = new LeaseKeeper({ renew, renewer: store.renewer, leaseMs, clock, log });
  }

  get state(): BrokerState {
    return this.#connection.state;
  }

  onState(listener: (state: BrokerState, cause?: Error) => void): Disposable {
    return this.#connection.onState(listener);
  }

  async connect(options?: Abortable): Promise<void> {
    this.#refuseWhenDisposed();
    await this.#connection.connect(options);
  }

  async ping(options?: Abortable): Promise<number> {
    await this.connect(options);
    const start = this.#clock.now();
    await this.#run((store) => store.existing([]), options);
    return this.#clock.now() - start;
  }

  async declare(topology: Topology, options?: Abortable): Promise<void> {
    this.#refuseWhenDisposed();
    options?.signal?.throwIfAborted();
    await untilAborted(this.#connection.declare(topology), options?.signal);
    for (const queue of topology.queues ?? []) if (queue.exclusive === true) this.#exclusive.add(queue.name);
  }

  publish(publications: readonly Publication[], options: Abortable = {}): Promise<readonly (string | undefined)[]> {
    return this.#publisher.publish(publications, options);
  }

  consume(queues: readonly string[], options: ConsumeOptions): Consumer {
    this.#refuseWhenDisposed();
    this.#keeper.start();
    const consumer = new QueuedConsumer(queues, options, {
      connection: this.#connection,
      settler: this.#settler,
      keeper: this.#keeper,
      clock: this.#clock,
      log: this.#log,
      leaseMs: this.#leaseMs,
      onDisposed: (disposed) => this.#forgetConsumer(disposed),
    });
    this.#consumers.add(consumer);
    return consumer;
  }

  async queueNames(options?: Abortable): Promise<readonly string[]> {
    const names = await this.#run((store) => store.queueNames(), options);
    return names.toSorted();
  }

  inspect(queue: string, options?: Abortable): Promise<QueueDepth | undefined> {
    return this.#run((store) => store.count(queue), options);
  }

  purge(queue: string, options?: Abortable): Promise<number> {
    return this.#run((store) => store.purge(queue), options);
  }

  async remove(queue: string, options: RemoveOptions = {}): Promise<boolean> {
    const { ifEmpty = false, ifUnused = false } = options;
    const removed = await this.#run((store) => store.remove(queue, { ifEmpty, ifUnused }), options);
    if (removed) this.#forget(queue);
    return removed;
  }

  deadLetters(query: DeadLetterQuery = {}): Promise<readonly DeadLetter[]> {
    return this.#run((store) => store.deadLetters(query), query);
  }

  replay(selection: DeadLetterSelection, options: ReplayOptions = {}): Promise<number> {
    return this.#run((store) => store.replay(selection, options.queue), options);
  }

  drop(selection: DeadLetterSelection, options?: Abortable): Promise<number> {
    return this.#run((store) => store.drop(selection), options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return (this.#disposed ??= this.#dispose());
  }

  async #run<T>(operation: (store: MessageStore) => Promise<T>, options: Abortable = {}): Promise<T> {
    this.#refuseWhenDisposed();
    options.signal?.throwIfAborted();
    return untilAborted(this.#connection.run(operation, options), options.signal);
  }

  #check(publications: readonly Publication[]): void {
    this.#refuseWhenDisposed();
    const { maxMessageBytes } = this.features;
    for (const { message, unique } of publications) {
      const bytes = message.body.byteLength;
      if (bytes > maxMessageBytes) throw new MessageTooLargeError(bytes, maxMessageBytes);
      if (unique !== undefined && message.properties.correlationId === undefined) {
        throw new TypeError(
          `A message with the unique key "${unique.key}" needs a correlation id: its holder is named by it.`,
        );
      }
    }
  }

  #refuseWhenDisposed(): void {
    if (this.#disposing.signal.aborted) throw this.#connection.closedError();
  }

  #forgetConsumer(consumer: QueuedConsumer): void {
    this.#consumers.delete(consumer);
    if (this.#consumers.size === 0) void this.#keeper.stop(); // disposing waits for it
  }

  #forget(queue: string): void {
    this.#connection.forget(queue);
    this.#exclusive.delete(queue);
  }

  async #dispose(): Promise<void> {
    this.#disposing.abort();
    await atMost(DISPOSE_MS, this.#finish(), this.#clock);
    await this.#keeper[Symbol.asyncDispose]();
    await this.#connection[Symbol.asyncDispose]();
  }

  async #finish(): Promise<void> {
    const consumers = [...this.#consumers].map((consumer) => consumer[Symbol.asyncDispose]());
    await Promise.all([this.#publisher.idle(), this.#settler.idle(), ...consumers]);
    await this.#removeExclusive();
  }

  async #removeExclusive(): Promise<void> {
    try {
      for (const queue of this.#exclusive) {
        await this.#connection.run((store) => store.remove(queue, { ifEmpty: false, ifUnused: false }));
      }
    } catch (error) {
      this.#log.warn("exclusive queues not removed", { queues: [...this.#exclusive], error: toError(error).message });
    }
  }
}
