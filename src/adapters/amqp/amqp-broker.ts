import type { Broadcaster } from "../../broker/broadcaster.ts";
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
} from "../../broker/broker.ts";
import { MessageTooLargeError } from "../../broker/errors.ts";
import type { Topology } from "../../routing/topology.ts";
import type { Abortable } from "../../util/abortable.ts";
import { atMost } from "../../util/at-most.ts";
import type { Clock } from "../../util/clock.ts";
import { isOver, onceOver } from "../../util/ending.ts";
import { toError } from "../../util/errors.ts";
import type { Logger } from "../../util/logger.ts";
import { untilAborted } from "../../util/until-aborted.ts";
import { AmqpConsumer } from "./amqp-consumer.ts";
import { AmqpPublisher } from "./amqp-publisher.ts";
import { AmqpTopology, type QueueOptions } from "./amqp-topology.ts";
import { ChannelPool } from "./channel-pool.ts";
import { isRefusedWith } from "./connections/amqp-channel.ts";
import type { AmqpLink } from "./connections/amqp-link.ts";
import type { ConsumerTimeout } from "./consumer-timeout.ts";
import { Copier } from "./copier.ts";
import { DeadLetters } from "./dead-letters.ts";
import { DelayedDelivery, MAX_DELAY_MS } from "./delayed-delivery.ts";
import { findQueue } from "./find-queue.ts";
import { Router } from "./router.ts";

/** RabbitMQ 4's own limit unless it was changed; that of 3 is higher. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/** How long disposing waits for the server, in milliseconds. */
const DISPOSE_MS = 4_000;

export interface AmqpBrokerOptions {
  /** Declares, consumes and asks; disposed with the broker. */
  readonly link: AmqpLink;
  /** Sends. A RabbitMQ that is short of memory reads nothing at all from a connection that sends, acknowledgements included. */
  readonly sending: AmqpLink;
  readonly broadcaster?: Broadcaster | undefined;
  readonly queues: QueueOptions;
  readonly deadLetterQueue: string;
  /** How long the server keeps a connection that it does not hear of, in milliseconds. */
  readonly silenceMs: number;
  readonly timeout: ConsumerTimeout;
  readonly clock: Clock;
  readonly log: Logger;
}

/** RabbitMQ, whose semantics the seam has. */
export class AmqpBroker implements Broker {
  readonly features: BrokerFeatures = {
    priorityOrder: "highest-first",
    priorityStep: 1,
    maxDelayMs: MAX_DELAY_MS,
    maxMessageBytes: MAX_MESSAGE_BYTES,
    uniqueKeys: false,
    keepsPlace: false,
  };
  readonly broadcaster: Broadcaster | undefined;
  readonly #options: AmqpBrokerOptions;
  readonly #pool: ChannelPool;
  readonly #topology: AmqpTopology;
  readonly #publisher: AmqpPublisher;
  readonly #router: Router;
  readonly #copier: Copier;
  readonly #delayed: DelayedDelivery;
  readonly #deadLetters: DeadLetters;
  readonly #consumers = new Set<AmqpConsumer>();
  #disposed: Promise<void> | undefined;

  constructor(options: AmqpBrokerOptions) {
    this.#options = options;
    const { link, sending, broadcaster, queues, deadLetterQueue, clock, log } = options;
    this.broadcaster = broadcaster;
    const pool = new ChannelPool(link);
    const topology = new AmqpTopology({ pool, queues, log });
    const publisher = new AmqpPublisher(sending, clock);
    const delayed = new DelayedDelivery(pool, link);
    this.#deadLetters = new DeadLetters({ link, pool, publisher, clock, queue: deadLetterQueue });
    this.#pool = pool;
    this.#delayed = delayed;
    this.#topology = topology;
    this.#publisher = publisher;
    this.#router = new Router({ link, pool, topology, delayed, clock });
    this.#copier = new Copier({ publisher, delayed, deadLetters: this.#deadLetters, clock });
    link.onConnected((connection) => topology.replay(connection));
  }

  get state(): BrokerState {
    return this.#options.link.state;
  }

  onState(listener: (state: BrokerState, cause?: Error) => void): Disposable {
    return this.#options.link.onState(listener);
  }

  async connect(options?: Abortable): Promise<void> {
    this.#refuseWhenDisposed();
    await this.#options.link.connect(options);
  }

  async ping(options?: Abortable): Promise<number> {
    await this.connect(options);
    const start = this.#options.clock.now();
    await this.#run(() => this.#pool.call((raw) => raw.prefetch(0)), options);
    return this.#options.clock.now() - start;
  }

  declare(topology: Topology, options?: Abortable): Promise<void> {
    return this.#run(() => this.#topology.declare(topology), options);
  }

  publish(publications: readonly Publication[], until: Abortable = {}): Promise<readonly (string | undefined)[]> {
    return new Promise((resolve, reject) => {
      this.#check(publications);
      if (isOver(until)) throw until.signal?.reason;
      const forget = onceOver(until, reject);
      const done = (): void => {
        forget();
        resolve(new Array<undefined>(publications.length).fill(undefined));
      };
      const fail = (error: unknown): void => {
        forget();
        this.#router.doubt(publications);
        reject(error);
      };
      const outgoing = this.#router.routeNow(publications);
      if (outgoing !== undefined) this.#publisher.publish(outgoing, until).then(done, fail);
      else this.#publishLater(publications, until).then(done, fail);
    });
  }

  async #publishLater(publications: readonly Publication[], until: Abortable): Promise<void> {
    const outgoing = await this.#router.route(publications);
    if (!isOver(until)) await this.#publisher.publish(outgoing, until);
  }

  consume(queues: readonly string[], options: ConsumeOptions): Consumer {
    this.#refuseWhenDisposed();
    const { link, clock, log, silenceMs, timeout } = this.#options;
    const consumer = new AmqpConsumer(queues, options, {
      ...{ link, clock, log, silenceMs, timeout },
      ...{ pool: this.#pool, topology: this.#topology, copier: this.#copier, delayed: this.#delayed },
      onDisposed: (disposed) => this.#consumers.delete(disposed),
    });
    this.#consumers.add(consumer);
    return consumer;
  }

  /** AMQP has no list: those declared here, as far as they are there. */
  async queueNames(options?: Abortable): Promise<readonly string[]> {
    return this.#run(async () => {
      const names = this.#topology.queueNames.toSorted();
      const depths = await Promise.all(names.map((name) => this.#count(name)));
      return names.filter((_, index) => depths[index] !== undefined);
    }, options);
  }

  inspect(queue: string, options?: Abortable): Promise<QueueDepth | undefined> {
    return this.#run(() => this.#count(queue), options);
  }

  purge(queue: string, options?: Abortable): Promise<number> {
    const purge = async (): Promise<number> => {
      try {
        const { messageCount } = await this.#pool.call((raw) => raw.purgeQueue(queue));
        return messageCount;
      } catch (error) {
        if (isRefusedWith(error, 404)) return 0;
        throw error;
      }
    };
    return this.#run(purge, options);
  }

  remove(queue: string, options: RemoveOptions = {}): Promise<boolean> {
    const { ifEmpty = false, ifUnused = false } = options;
    const remove = async (): Promise<boolean> => {
      const depth = await this.#count(queue);
      if (depth === undefined) return false;
      // Quorum queues know no conditions.
      if ((ifEmpty && depth.ready > 0) || (ifUnused && depth.consumers !== 0)) return false;
      await this.#pool.call((raw) => raw.deleteQueue(queue));
      this.#topology.forget(queue);
      return true;
    };
    return this.#run(remove, options);
  }

  deadLetters(query: DeadLetterQuery = {}): Promise<readonly DeadLetter[]> {
    return this.#run(() => this.#deadLetters.list(query), query);
  }

  replay(selection: DeadLetterSelection, options: ReplayOptions = {}): Promise<number> {
    return this.#run(() => this.#deadLetters.replay(selection, options.queue), options);
  }

  drop(selection: DeadLetterSelection, options?: Abortable): Promise<number> {
    return this.#run(() => this.#deadLetters.drop(selection), options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return (this.#disposed ??= this.#dispose());
  }

  async #count(queue: string): Promise<QueueDepth | undefined> {
    const found = await findQueue(this.#pool, queue);
    if (found === undefined) return undefined;
    return { ready: found.messageCount, delayed: undefined, unacked: undefined, consumers: found.consumerCount };
  }

  async #run<T>(operation: () => Promise<T>, options: Abortable = {}): Promise<T> {
    this.#refuseWhenDisposed();
    options.signal?.throwIfAborted();
    return untilAborted(operation(), options.signal);
  }

  #check(publications: readonly Publication[]): void {
    this.#refuseWhenDisposed();
    const { maxMessageBytes } = this.features;
    for (const { message } of publications) {
      const bytes = message.body.byteLength;
      if (bytes > maxMessageBytes) throw new MessageTooLargeError(bytes, maxMessageBytes);
    }
  }

  #refuseWhenDisposed(): void {
    if (this.#disposed !== undefined) throw this.#options.link.closedError();
  }

  async #dispose(): Promise<void> {
    const { link, sending, clock } = this.#options;
    await atMost(DISPOSE_MS, this.#finish(), clock);
    await Promise.all([link[Symbol.asyncDispose](), sending[Symbol.asyncDispose]()]);
  }

  async #finish(): Promise<void> {
    const { log, link } = this.#options;
    await Promise.all([this.#publisher.idle(), ...[...this.#consumers].map((each) => each[Symbol.asyncDispose]())]);
    const queues = this.#topology.exclusiveQueues;
    if (queues.length === 0 || link.state !== "open") return;
    try {
      for (const queue of queues) await this.#pool.call((raw) => raw.deleteQueue(queue));
    } catch (error) {
      log.warn("exclusive queues not removed", { queues, error: toError(error).message });
    }
  }
}
