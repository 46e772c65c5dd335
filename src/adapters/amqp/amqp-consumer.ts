import type { ConsumeMessage } from "amqplib";
import type { Consumer, ConsumeOptions, Delivery, Polling } from "../../broker/broker.ts";
import { BrokerUnavailableError } from "../../broker/errors.ts";
import { LEASE_LOST } from "../../broker/queued/history.ts";
import { AsyncQueue } from "../../util/async-queue.ts";
import { atMost } from "../../util/at-most.ts";
import { exponentialBackoff } from "../../util/backoff.ts";
import { uptimeOf, type Clock } from "../../util/clock.ts";
import { toError } from "../../util/errors.ts";
import type { Logger } from "../../util/logger.ts";
import { startTimer } from "../../util/timer.ts";
import { untilAborted } from "../../util/until-aborted.ts";
import { AmqpDelivery } from "./amqp-delivery.ts";
import { countOfQuorum } from "./amqp-message.ts";
import type { AmqpTopology } from "./amqp-topology.ts";
import type { ChannelPool } from "./channel-pool.ts";
import { isRefusedWith } from "./connections/amqp-channel.ts";
import type { AmqpLink } from "./connections/amqp-link.ts";
import { ConsumerSession } from "./consumer-session.ts";
import type { ConsumerTimeout } from "./consumer-timeout.ts";
import type { Copier } from "./copier.ts";
import type { DelayedDelivery } from "./delayed-delivery.ts";
import { handOutOf, newFence } from "./hand-out.ts";
import { HeldDeliveries } from "./held-deliveries.ts";
import { Keeper } from "./keeper.ts";
import { mostHeld } from "./prefetch-allotment.ts";
import { Subscriptions } from "./subscriptions.ts";

/** How long disposing waits for the server, in milliseconds. */
const DISPOSE_MS = 2_000;
/** So often is the server asked whether it is there, in milliseconds. */
const PROBE_MS = 5_000;

/** Pauses before the next try to connect. */
const RETRY = { baseMs: 100, maxMs: 2_000 } as const;

/** AMQP writes it in two bytes. */
const MAX_PREFETCH = 65_535;

export interface ConsumerContext {
  readonly link: AmqpLink;
  readonly pool: ChannelPool;
  readonly topology: AmqpTopology;
  readonly copier: Copier;
  readonly delayed: DelayedDelivery;
  readonly clock: Clock;
  readonly log: Logger;
  readonly silenceMs: number;
  readonly timeout: ConsumerTimeout;
  readonly onDisposed: (consumer: AmqpConsumer) => void;
}

/** Gets as many messages as its prefetch allows by one channel, and hands them out one by one. */
export class AmqpConsumer implements Consumer {
  readonly #context: ConsumerContext;
  readonly #queues: Set<string>;
  /** Nothing is taken from these. */
  readonly #paused = new Set<string>();
  #prefetch: number;
  readonly #held: HeldDeliveries;
  /** What of it was not yielded yet. */
  readonly #buffer = new AsyncQueue<AmqpDelivery>();
  readonly #subscriptions: Subscriptions;
  readonly #keeper: Keeper;
  readonly #stopping = new AbortController();
  /** Aborted when disposing has waited long enough for what is still under way. */
  readonly #givingUp = new AbortController();
  readonly #running: Promise<void>;
  #session: ConsumerSession | undefined;
  #stopProbing: (() => void) | undefined;
  #handedBack: Promise<unknown> = Promise.resolve();
  #triedAt: number;
  #answeredAt: number | undefined;
  #stopped: Promise<void> | undefined;
  #disposed: Promise<void> | undefined;

  constructor(queues: readonly string[], options: ConsumeOptions, context: ConsumerContext) {
    this.#context = context;
    this.#queues = new Set(queues);
    this.#prefetch = checkPrefetch(options.prefetch, 1);
    this.#triedAt = uptimeOf(context.clock);
    const { link, pool, topology, copier, delayed, timeout, silenceMs, clock, log } = context;
    const onRoomMade = (): void => this.#subscriptions.adjust();
    this.#held = new HeldDeliveries({ copier, clock, log, givingUp: this.#givingUp.signal, onRoomMade });
    this.#subscriptions = new Subscriptions({
      ...{ pool, topology, delayed, held: this.#held, clock, log },
      wanted: () => this.#wanted,
      prefetch: () => this.#room,
    });
    this.#keeper = new Keeper({
      ...{ link, pool, copier, held: this.#held, timeout, silenceMs, clock, log },
      onMoved: () => {
        this.#subscriptions.adjust();
        return this.#subscriptions.settled();
      },
      onLost: (session) => this.#lose(session),
    });
    this.#running = this.#run();
    this.#probeLater();
  }

  [Symbol.asyncIterator](): AsyncIterator<Delivery, undefined> {
    const waiting = this.#buffer[Symbol.asyncIterator]();
    const next = (): Promise<IteratorResult<Delivery, undefined>> => {
      const value = this.poll();
      return value === undefined ? waiting.next() : Promise.resolve({ done: false, value });
    };
    return { next };
  }

  poll(): AmqpDelivery | undefined {
    const delivery = this.#buffer.poll();
    // It has waited here: others were handed out since it came.
    if (delivery !== undefined) delivery.fence = newFence(this.#context.clock);
    return delivery;
  }

  get polling(): Polling {
    return { isDue: this.#isDue, triedAt: this.#triedAt, answeredAt: this.#answeredAt };
  }

  get prefetch(): number {
    return this.#prefetch;
  }

  set prefetch(prefetch: number) {
    this.#prefetch = checkPrefetch(prefetch, 0);
    this.#subscriptions.adjust();
  }

  add(queue: string): void {
    this.#queues.add(queue);
    this.#subscriptions.adjust();
  }

  pause(queue: string): void {
    this.#paused.add(queue);
    this.#leave(queue);
  }

  resume(queue: string): void {
    this.#paused.delete(queue);
    this.#subscriptions.adjust();
  }

  cancel(queue: string): void {
    this.#queues.delete(queue);
    this.#paused.delete(queue);
    this.#leave(queue);
  }

  stop(): Promise<void> {
    // Disposing ends the wait early.
    return (this.#stopped ??= untilAborted(this.#stop(), this.#givingUp.signal).catch(() => undefined));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return (this.#disposed ??= this.#dispose());
  }

  get #isDue(): boolean {
    const isFree = this.#held.size < this.#prefetch;
    return !this.#stopping.signal.aborted && isFree && this.#wanted.length > 0;
  }

  /** What is left of the prefetch for the channel. */
  get #room(): number {
    return Math.max(this.#prefetch - this.#held.kept, 0);
  }

  /** What is to be consumed from. */
  get #wanted(): readonly string[] {
    if (this.#room === 0 || this.#stopping.signal.aborted) return [];
    return [...this.#queues].filter((queue) => !this.#paused.has(queue));
  }

  #isOpen(queue: string): boolean {
    return this.#queues.has(queue) && !this.#paused.has(queue) && !this.#stopping.signal.aborted;
  }

  /** One session after another, until it is over. Never rejects. */
  async #run(): Promise<void> {
    const { link, clock, silenceMs, log } = this.#context;
    const { signal } = this.#givingUp;
    const isStopping = (): boolean => this.#stopping.signal.aborted;
    for (let failures = 0; !isStopping(); failures += 1) {
      try {
        const connection = await link.connect({ signal: this.#stopping.signal });
        const opening = ConsumerSession.open({
          ...{ connection, clock, silenceMs, prefetch: this.#prefetch },
          onMessage: (from, queue, message) => this.#take(from, queue, message),
          onCancelled: () => this.#subscriptions.adjust(),
        });
        const session = await untilAborted(opening, signal).catch((error: unknown) => {
          void opening.then((late) => late.close()).catch(() => undefined); // told to all by the first
          throw error;
        });
        this.#session = session;
        this.#hear();
        failures = 0;
        this.#subscriptions.use(session);
        await untilAborted(new Promise<void>((resolve) => session.onClosed(() => resolve())), signal);
        this.#lose(session);
      } catch (error) {
        if (signal.aborted) return;
        this.#triedAt = uptimeOf(clock);
        if (!(link.explained(error) instanceof BrokerUnavailableError) && !isStopping()) {
          log.error("consumer failed", { queues: [...this.#queues], error: toError(error).message });
        }
      }
      const pauseMs = exponentialBackoff(failures, RETRY);
      await clock.sleep(pauseMs, { signal: this.#stopping.signal }).catch(() => undefined);
    }
  }

  #hear(): void {
    this.#answeredAt = this.#triedAt = uptimeOf(this.#context.clock);
  }

  #take(session: ConsumerSession, queue: string, raw: ConsumeMessage): void {
    this.#hear();
    const delivery = new AmqpDelivery(raw, session, handOutOf(raw, queue, this.#context.clock), this.#held);
    this.#held.add(delivery);
    const isTooMany = this.#held.size > mostHeld(session, this.#prefetch);
    if (isTooMany || !this.#isOpen(queue)) this.#handBackLater([delivery]);
    // Its consumer died without a word: that counts, and must be with the message should this one die too.
    else if (raw.fields.redelivered && countOfQuorum(raw) === undefined)
      this.#settleLater(this.#held.settle(delivery, { outcome: "requeue", reason: LEASE_LOST }));
    else this.#buffer.push(delivery);
  }

  /** The server has taken back all that came by this session. */
  #lose(session: ConsumerSession): void {
    if (this.#session === session) this.#session = undefined;
    const { closed } = session;
    if (isRefusedWith(closed, 406) && this.#context.timeout.isNamedBy(closed.text)) {
      this.#context.log.error("RabbitMQ took messages back: they were held longer than its consumer_timeout", {
        queues: [...this.#queues],
        detail: closed.text,
      });
    }
    for (const delivery of this.#held.lose(session)) this.#buffer.delete(delivery);
    this.#subscriptions.adjust(); // what was kept has left its place of the prefetch
  }

  #leave(queue: string): void {
    this.#subscriptions.adjust();
    this.#handBackLater(
      this.#held.inOrder().filter((delivery) => delivery.queue === queue && this.#buffer.delete(delivery)),
    );
  }

  /** Asks the server regularly: a connection that lets nothing through is noticed, and who watches sees that it is not. */
  #probeLater(): void {
    this.#stopProbing = startTimer(this.#context.clock, PROBE_MS, () => {
      const prove = async (): Promise<void> => {
        if ((await this.#session?.prove()) === true) this.#hear();
        else this.#triedAt = uptimeOf(this.#context.clock);
        if (!this.#stopping.signal.aborted) this.#probeLater();
      };
      void prove();
    });
  }

  async #stop(): Promise<void> {
    await this.#endTaking();
    this.#handBackLater(this.#buffer.end());
    await this.#handedBack;
  }

  async #endTaking(): Promise<void> {
    this.#stopping.abort();
    this.#stopProbing?.();
    this.#subscriptions[Symbol.dispose]();
    this.#subscriptions.adjust();
    await this.#subscriptions.settled();
  }

  /** What could not be handed back or settled in time goes back with the channel. */
  async #dispose(): Promise<void> {
    const { clock, onDisposed, link } = this.#context;
    await atMost(DISPOSE_MS, this.#release(), clock);
    const detail = "its consumer has been disposed; RabbitMQ gives the message to another.";
    const givenUp = new BrokerUnavailableError(link.url, detail);
    this.#givingUp.abort(givenUp);
    this.#buffer.end();
    this.#held.giveUp(givenUp);
    const closing = Promise.all([this.#session?.close(), this.#keeper[Symbol.asyncDispose]()]);
    await atMost(DISPOSE_MS, closing, clock);
    await this.#running;
    onDisposed(this);
  }

  async #release(): Promise<void> {
    await this.#endTaking();
    this.#buffer.end();
    const abandoned = this.#held.inOrder().filter((delivery) => !delivery.isSettled);
    this.#handBackLater(abandoned);
    for (const delivery of abandoned) delivery.markLost();
    await this.stop();
    await this.#held.settled();
  }

  /** In one go, so that they keep their order. */
  #handBackLater(deliveries: readonly AmqpDelivery[]): void {
    for (const delivery of deliveries) this.#settleLater(this.#held.settle(delivery, { outcome: "hand-back" }));
  }

  /** What was not yielded is nobody's loss. */
  #settleLater(settling: Promise<void>): void {
    this.#handedBack = Promise.allSettled([this.#handedBack, settling]).then(() => undefined);
  }
}

function checkPrefetch(prefetch: number, least: number): number {
  if (Number.isSafeInteger(prefetch) && prefetch >= least && prefetch <= MAX_PREFETCH) return prefetch;
  throw new RangeError(
    `prefetch must be a whole number from ${least} to ${MAX_PREFETCH}, the most that RabbitMQ knows, not ${prefetch}.`,
  );
}
