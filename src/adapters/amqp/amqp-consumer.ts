import type { ConsumeMessage } from "amqplib";
import type { Consumer, ConsumeOptions, Delivery, DeliveryNote, Polling } from "../../broker/broker.ts";
import { BrokerUnavailableError, DeliveryLostError } from "../../broker/errors.ts";
import { LEASE_LOST, withNote } from "../../broker/queued/history.ts";
import { nextFence } from "../../broker/queued/next-fence.ts";
import { AsyncQueue } from "../../util/async-queue.ts";
import { atMost } from "../../util/at-most.ts";
import { exponentialBackoff } from "../../util/backoff.ts";
import { uptimeOf, type Clock } from "../../util/clock.ts";
import { toError } from "../../util/errors.ts";
import type { Logger } from "../../util/logger.ts";
import { Roster } from "../../util/roster.ts";
import { startTimer } from "../../util/timer.ts";
import { untilAborted } from "../../util/until-aborted.ts";
import { AmqpDelivery, type DeliveryOwner, type HandOut, type Settlement } from "./amqp-delivery.ts";
import { countOfQuorum, marksOf } from "./amqp-message.ts";
import type { AmqpTopology } from "./amqp-topology.ts";
import type { ChannelPool } from "./channel-pool.ts";
import { isRefusedWith } from "./connections/amqp-channel.ts";
import type { AmqpLink } from "./connections/amqp-link.ts";
import { ConsumerSession } from "./consumer-session.ts";
import { isReplicated } from "./queue-type.ts";
import type { Copier } from "./copier.ts";

/** How long disposing waits for the server, in milliseconds. */
const DISPOSE_MS = 2_000;
/** So often is the server asked whether it is there, in milliseconds. */
const PROBE_MS = 5_000;

/** Pauses before the next try to connect, and to find a queue that is not there. */
const RETRY = { baseMs: 100, maxMs: 2_000 } as const;
const MISSING = { baseMs: 50, maxMs: 1_000 } as const;

export interface ConsumerContext {
  readonly link: AmqpLink;
  readonly pool: ChannelPool;
  readonly topology: AmqpTopology;
  readonly copier: Copier;
  readonly clock: Clock;
  readonly log: Logger;
  readonly silenceMs: number;
  readonly onDisposed: (consumer: AmqpConsumer) => void;
}

/** The last fence of this process: other processes are later by their clocks. */
let lastFence = 0;

function newFence(clock: Clock): number {
  return (lastFence = nextFence(lastFence, clock.now()));
}

/** Gets as many messages as its prefetch allows by one channel, and hands them out one by one. */
export class AmqpConsumer implements Consumer, DeliveryOwner {
  readonly #context: ConsumerContext;
  readonly #queues: Set<string>;
  /** Nothing is taken from these. */
  readonly #paused = new Set<string>();
  #prefetch: number;
  /** Everything that came and is not settled yet; what of it was not yielded yet is in the buffer too. */
  readonly #unsettled = new Roster<AmqpDelivery>();
  readonly #buffer = new AsyncQueue<AmqpDelivery>();
  readonly #stopping = new AbortController();
  /** Aborted when disposing has waited long enough for what is still under way. */
  readonly #givingUp = new AbortController();
  readonly #running: Promise<void>;
  #session: ConsumerSession | undefined;
  #settling = 0;
  #somethingSettled: (() => void)[] = [];
  #isStale = false;
  #isAdjusting = false;
  #adjusting: Promise<void> = Promise.resolve();
  /** How often in a row a queue was not there. */
  #missed = 0;
  #stopLooking: (() => void) | undefined;
  #stopProbing: (() => void) | undefined;
  #handedBack: Promise<unknown> = Promise.resolve();
  #triedAt: number;
  #answeredAt: number | undefined;
  #stopped: Promise<void> | undefined;
  #disposed: Promise<void> | undefined;
  readonly #watchingTopology: Disposable;

  constructor(queues: readonly string[], options: ConsumeOptions, context: ConsumerContext) {
    this.#context = context;
    this.#queues = new Set(queues);
    this.#prefetch = checkPrefetch(options.prefetch, 1);
    this.#triedAt = uptimeOf(context.clock);
    this.#watchingTopology = context.topology.onDeclared(() => this.#lookForMissing());
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
    this.#adjust();
  }

  add(queue: string): void {
    this.#queues.add(queue);
    this.#adjust();
  }

  pause(queue: string): void {
    this.#paused.add(queue);
    this.#leave(queue);
  }

  resume(queue: string): void {
    this.#paused.delete(queue);
    this.#adjust();
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

  settle(delivery: AmqpDelivery, settlement: Settlement): Promise<void> {
    if (delivery.isLost) return Promise.reject(new DeliveryLostError(delivery.queue));
    return new Promise((resolve, reject) => {
      this.#settling += 1;
      const fail = (error: unknown): void => {
        if (delivery.failSettling === undefined) return;
        this.#forget(delivery);
        reject(error);
      };
      delivery.failSettling = fail;
      const lose = (): void => {
        delivery.markLost();
        fail(new DeliveryLostError(delivery.queue));
      };
      const ack = (): void => {
        const done = (): void => {
          if (delivery.failSettling === undefined) return;
          this.#forget(delivery);
          resolve();
        };
        delivery.session.ack(delivery.raw, done, lose);
      };
      if (settlement.outcome === "ack") ack();
      else void this.#copy(delivery, settlement, ack, fail);
    });
  }

  /** A copy first, then the acknowledgement: a crash between makes two, never none. Tried again while the message is held. */
  async #copy(
    delivery: AmqpDelivery,
    settlement: Settlement,
    ack: () => void,
    fail: (error: unknown) => void,
  ): Promise<void> {
    const { copier, clock } = this.#context;
    const isUnderWay = (): boolean => delivery.failSettling !== undefined;
    for (let failures = 0; isUnderWay(); failures += 1) {
      try {
        await copier.copy(delivery, settlement);
        if (isUnderWay()) ack();
        return;
      } catch (error) {
        if (!(error instanceof BrokerUnavailableError)) {
          fail(error);
          return;
        }
      }
      const pauseMs = exponentialBackoff(failures, RETRY);
      await clock.sleep(pauseMs, { signal: this.#givingUp.signal }).catch(() => undefined);
    }
  }

  get #isDue(): boolean {
    const isFree = this.#unsettled.size - this.#settling < this.#prefetch;
    return !this.#stopping.signal.aborted && isFree && this.#wanted.length > 0;
  }

  /** What is to be consumed from. */
  get #wanted(): readonly string[] {
    if (this.#prefetch === 0 || this.#stopping.signal.aborted) return [];
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
        const session = await ConsumerSession.open({
          ...{ connection, clock, silenceMs, prefetch: this.#prefetch },
          onMessage: (from, queue, message) => this.#take(from, queue, message),
          onCancelled: () => this.#adjust(),
        });
        this.#session = session;
        this.#hear();
        failures = 0;
        this.#adjust();
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
    const { clock } = this.#context;
    const now = clock.now();
    const delivery = new AmqpDelivery(raw, session, handOutOf(raw, queue, now, newFence(clock)), this);
    this.#unsettled.add(delivery);
    const isTooMany = this.#unsettled.size - this.#settling > this.#mostHeld(session);
    if (isTooMany || !this.#isOpen(queue)) this.#handBackLater([delivery]);
    // Its consumer died without a word: that counts, and must be with the message should this one die too.
    else if (raw.fields.redelivered && countOfQuorum(raw) === undefined)
      this.#settleLater(this.settle(delivery, { outcome: "requeue", reason: LEASE_LOST }));
    else this.#buffer.push(delivery);
  }

  /** Each queue has one where they cannot share. */
  #mostHeld({ isShared, queues }: ConsumerSession): number {
    return isShared && this.#prefetch > 0 ? Math.max(this.#prefetch, queues.size) : this.#prefetch;
  }

  /** The server has taken back all that came by this session. */
  #lose(session: ConsumerSession): void {
    if (this.#session === session) this.#session = undefined;
    const { closed } = session;
    if (isRefusedWith(closed, 406) && closed.text.includes("timed out")) {
      this.#context.log.error("RabbitMQ took messages back: they were held longer than its consumer_timeout", {
        queues: [...this.#queues],
        detail: closed.text,
      });
    }
    for (const delivery of [...this.#unsettled]) {
      if (delivery.session !== session) continue;
      this.#buffer.delete(delivery);
      delivery.markLost();
      delivery.failSettling?.(new DeliveryLostError(delivery.queue));
      this.#forget(delivery);
    }
  }

  #leave(queue: string): void {
    this.#adjust();
    this.#handBackLater(
      this.#inOrder().filter((delivery) => delivery.queue === queue && this.#buffer.delete(delivery)),
    );
  }

  /** As they came. */
  #inOrder(): readonly AmqpDelivery[] {
    return [...this.#unsettled].sort((a, b) => a.raw.fields.deliveryTag - b.raw.fields.deliveryTag);
  }

  /** Makes the server's view of this consumer what it is to be; changes that come meanwhile make another round. */
  #adjust(): void {
    this.#isStale = true;
    if (!this.#isAdjusting) this.#adjusting = this.#adjustAll();
  }

  /** Never rejects. */
  async #adjustAll(): Promise<void> {
    this.#isAdjusting = true;
    while (this.#isStale) {
      this.#isStale = false;
      const session = this.#session;
      if (session === undefined || hasEnded(session)) continue;
      try {
        await this.#adjustTo(session, this.#wanted);
      } catch (error) {
        // A session that has ended has a successor, which begins anew.
        if (hasEnded(session)) continue;
        this.#context.log.warn("queues cannot be consumed from", {
          queues: this.#wanted,
          error: toError(error).message,
        });
        this.#missed += 1;
        this.#lookLater();
      }
    }
    this.#isAdjusting = false;
  }

  async #adjustTo(session: ConsumerSession, wanted: readonly string[]): Promise<void> {
    for (const [tag, { queue }] of [...session.shares]) if (!wanted.includes(queue)) await session.cancel(tag);
    if (this.#prefetch > 0 && session.prefetch !== this.#prefetch) await session.limit(this.#prefetch);
    const there: string[] = [];
    for (const queue of wanted) {
      if (!session.queues.has(queue) && !(await this.#exists(queue))) continue;
      there.push(queue);
      if (!session.isShared && !session.queues.has(queue) && (await isReplicated(this.#context.pool, queue)))
        await session.share();
    }
    if (session.isShared) await this.#allot(session, there);
    else for (const queue of there) if (!session.queues.has(queue)) await session.consume(queue);
    const isMissing = there.length < wanted.length;
    this.#missed = isMissing ? this.#missed + 1 : 0;
    if (isMissing) this.#lookLater();
  }

  /**
   * Deals the prefetch out to the queues where RabbitMQ has no limit over all of them. What is held by a consumer that was cancelled counts until it is settled.
   * With more queues than the prefetch each has one.
   */
  async #allot(session: ConsumerSession, queues: readonly string[]): Promise<void> {
    if (queues.length === 0) return;
    const fair = Math.max(1, Math.floor(this.#prefetch / queues.length));
    const freeOf = (): number => {
      const sizes = [...session.shares.values()].reduce((sum, { size }) => sum + size, 0);
      return this.#prefetch - sizes - this.#orphans(session);
    };
    const without = (): readonly string[] => queues.filter((queue) => !session.queues.has(queue));
    for (;;) {
      const isTight = freeOf() < 0 || (without().length > 0 && freeOf() < without().length);
      const [largest] = [...session.shares].sort(([, a], [, b]) => b.size - a.size);
      if (
        !isTight ||
        largest === undefined ||
        largest[1].size <= (freeOf() < 0 && queues.length <= this.#prefetch ? 0 : 1)
      )
        break;
      await session.cancel(largest[0]);
    }
    const isCrowded = queues.length > this.#prefetch;
    for (const queue of without()) {
      const size = Math.min(fair, freeOf());
      if (size > 0 || isCrowded) await session.consume(queue, Math.max(size, 1));
    }
    const [first] = queues;
    if (first !== undefined && freeOf() > 0) await session.consume(first, freeOf());
  }

  /** How many are held by consumers that were cancelled. */
  #orphans(session: ConsumerSession): number {
    let orphans = 0;
    for (const { session: own, failSettling, raw } of this.#unsettled) {
      if (own === session && failSettling === undefined && !session.shares.has(raw.fields.consumerTag)) orphans += 1;
    }
    return orphans;
  }

  /** Consuming from a queue that is not there would end the whole session. One that was declared here, and deleted by somebody else, is made again. */
  async #exists(queue: string): Promise<boolean> {
    const { pool, topology } = this.#context;
    try {
      await pool.call((raw) => raw.checkQueue(queue));
      return true;
    } catch (error) {
      if (isRefusedWith(error, 404)) return topology.restore(queue);
      throw error;
    }
  }

  #lookLater(): void {
    this.#stopLooking?.();
    if (this.#stopping.signal.aborted) return;
    const pauseMs = exponentialBackoff(this.#missed, { ...MISSING, jitter: false });
    this.#stopLooking = startTimer(this.#context.clock, pauseMs, () => this.#lookForMissing());
  }

  #lookForMissing(): void {
    this.#stopLooking?.();
    this.#stopLooking = undefined;
    this.#adjust();
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
    this.#stopLooking?.();
    this.#watchingTopology[Symbol.dispose]();
    this.#adjust();
    await this.#adjusting;
  }

  /** What could not be handed back or settled in time goes back with the channel. */
  async #dispose(): Promise<void> {
    const { clock, onDisposed, link } = this.#context;
    await atMost(DISPOSE_MS, this.#release(), clock);
    const detail = "its consumer has been disposed; RabbitMQ gives the message to another.";
    const givenUp = new BrokerUnavailableError(link.url, detail);
    this.#givingUp.abort(givenUp);
    this.#buffer.end();
    for (const delivery of this.#unsettled) {
      delivery.failSettling?.(givenUp);
      delivery.markLost();
    }
    const session = this.#session;
    if (session !== undefined) await atMost(DISPOSE_MS, session.close(), clock);
    await this.#running;
    onDisposed(this);
  }

  async #release(): Promise<void> {
    await this.#endTaking();
    this.#buffer.end();
    const abandoned = this.#inOrder().filter((delivery) => !delivery.isSettled);
    this.#handBackLater(abandoned);
    for (const delivery of abandoned) delivery.markLost();
    await this.stop();
    while (this.#settling > 0) await new Promise<void>((resolve) => this.#somethingSettled.push(resolve));
  }

  /** In one go, so that they keep their order. */
  #handBackLater(deliveries: readonly AmqpDelivery[]): void {
    for (const delivery of deliveries) this.#settleLater(this.settle(delivery, { outcome: "hand-back" }));
  }

  /** What was not yielded is nobody's loss. */
  #settleLater(settling: Promise<void>): void {
    this.#handedBack = Promise.allSettled([this.#handedBack, settling]).then(() => undefined);
  }

  #forget(delivery: AmqpDelivery): void {
    this.#unsettled.delete(delivery);
    if (delivery.failSettling === undefined) return;
    delivery.failSettling = undefined;
    this.#settling -= 1;
    // What a cancelled consumer held makes room for another.
    const { session } = delivery;
    if (session.isShared && !session.shares.has(delivery.raw.fields.consumerTag)) this.#adjust();
    for (const each of this.#somethingSettled.splice(0)) each();
  }
}

function hasEnded({ closed }: ConsumerSession): boolean {
  return closed !== undefined;
}

function handOutOf(raw: ConsumeMessage, queue: string, now: number, fence: number): HandOut {
  const { deliveries, history } = marksOf(raw);
  const returns = countOfQuorum(raw) ?? 0;
  return {
    queue,
    fence,
    deliveries: deliveries + returns + 1,
    history: returns === 0 ? history : noted(history, now),
  };
}

function noted(history: readonly DeliveryNote[], now: number): readonly DeliveryNote[] {
  return withNote(history, LEASE_LOST, now);
}

function checkPrefetch(prefetch: number, least: number): number {
  if (Number.isSafeInteger(prefetch) && prefetch >= least) return prefetch;
  throw new RangeError(`prefetch must be a whole number of at least ${least}, not ${prefetch}.`);
}
