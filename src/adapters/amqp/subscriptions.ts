import { BrokerUnavailableError, TopologyMismatchError } from "../../broker/errors.ts";
import { exponentialBackoff } from "../../util/backoff.ts";
import type { Clock } from "../../util/clock.ts";
import { toError } from "../../util/errors.ts";
import type { Logger } from "../../util/logger.ts";
import { startTimer } from "../../util/timer.ts";
import type { AmqpTopology } from "./amqp-topology.ts";
import type { ChannelPool } from "./channel-pool.ts";
import { AmqpReplyError } from "./connections/amqp-failure.ts";
import type { ConsumerSession } from "./consumer-session.ts";
import type { DelayedDelivery } from "./delayed-delivery.ts";
import { findQueue } from "./find-queue.ts";
import type { HeldDeliveries } from "./held-deliveries.ts";
import { allot } from "./prefetch-allotment.ts";
import { isReplicated } from "./queue-type.ts";
import { RefusedQueues } from "./refused-queues.ts";

/** Pauses before the next look for a queue that is not there. */
const MISSING = { baseMs: 50, maxMs: 1_000, jitter: false } as const;

export interface SubscriptionsOptions {
  readonly pool: ChannelPool;
  readonly topology: AmqpTopology;
  readonly delayed: DelayedDelivery;
  readonly held: HeldDeliveries;
  readonly clock: Clock;
  readonly log: Logger;
  /** What is to be consumed from now. */
  readonly wanted: () => readonly string[];
  readonly prefetch: () => number;
}

/** Makes the server's view of a consumer what it is to be, queue by queue: one that is not there, or is refused, is looked for again and holds up no other. */
export class Subscriptions implements Disposable {
  readonly #options: SubscriptionsOptions;
  readonly #refused: RefusedQueues;
  readonly #watchingTopology: Disposable;
  /** How many bindings of each queue let delayed messages in, on this session. */
  readonly #admitted = new Map<string, number>();
  #session: ConsumerSession | undefined;
  #isStale = false;
  #isAdjusting = false;
  #adjusting: Promise<void> = Promise.resolve();
  /** How often in a row a queue was not there. */
  #missed = 0;
  #isDisposed = false;
  #stopLooking: (() => void) | undefined;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
    const { clock, log, topology } = options;
    this.#refused = new RefusedQueues(clock, log);
    this.#watchingTopology = topology.onDeclared(() => this.#look());
  }

  /** From now on all is consumed by this channel. */
  use(session: ConsumerSession): void {
    this.#session = session;
    this.#admitted.clear();
    this.adjust();
  }

  /** Something has changed; what changes meanwhile makes another round. */
  adjust(): void {
    this.#isStale = true;
    if (!this.#isAdjusting) this.#adjusting = this.#adjustAll();
  }

  /** Resolves once the server knows of all changes so far, as far as it can. */
  async settled(): Promise<void> {
    await this.#adjusting;
  }

  /** Looks for nothing any more. */
  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#stopLooking?.();
    this.#watchingTopology[Symbol.dispose]();
  }

  /** Never rejects. */
  async #adjustAll(): Promise<void> {
    this.#isAdjusting = true;
    while (this.#isStale) {
      this.#isStale = false;
      const session = this.#session;
      if (session === undefined || hasEnded(session)) continue;
      const wanted = this.#options.wanted();
      try {
        await this.#adjustTo(session, wanted);
      } catch (error) {
        // A session that has ended has a successor, which begins anew.
        if (hasEnded(session)) continue;
        this.#options.log.warn("queues cannot be consumed from", { queues: wanted, error: toError(error).message });
        this.#missed += 1;
        this.#lookLater();
      }
    }
    this.#isAdjusting = false;
  }

  async #adjustTo(session: ConsumerSession, wanted: readonly string[]): Promise<void> {
    const { held, prefetch } = this.#options;
    this.#refused.keepOnly(wanted);
    for (const [tag, { queue }] of [...session.shares]) if (!wanted.includes(queue)) await session.cancel(tag);
    const limit = prefetch();
    if (limit > 0 && session.prefetch !== limit) await session.limit(limit);
    const ready: string[] = [];
    for (const queue of wanted) if (await this.#isReady(session, queue)) ready.push(queue);
    const consume = (queue: string, size: number): Promise<void> => this.#consume(session, queue, size);
    if (session.isShared)
      await allot({ session, queues: ready, prefetch, orphans: () => held.orphans(session), consume });
    else for (const queue of ready) if (!session.queues.has(queue)) await consume(queue, 0);
    if (session.isShared) for (const queue of ready) void this.#admitDelayed(queue);
    const isMissing = ready.length < wanted.length;
    this.#missed = isMissing ? this.#missed + 1 : 0;
    if (isMissing) this.#lookLater();
  }

  /** Whether it can be consumed from, as far as that is found out without risk for the channel of all. */
  async #isReady(session: ConsumerSession, queue: string): Promise<boolean> {
    if (session.queues.has(queue)) return true;
    if (this.#refused.isBarred(queue)) return false;
    try {
      if (!(await this.#exists(queue))) return false;
      const isAtStake = session.canTryUnseen && this.#options.held.has(session);
      if (isAtStake || this.#refused.has(queue)) await session.tryOut(queue);
      if (!session.isShared && (await isReplicated(this.#options.pool, queue))) await session.share();
      return true;
    } catch (error) {
      if (hasEnded(session) || !isRefusal(error)) throw error;
      this.#refused.add(queue, error);
      return false;
    }
  }

  /** A refusal ends the session, whose successor leaves the queue out. */
  async #consume(session: ConsumerSession, queue: string, size: number): Promise<void> {
    try {
      await session.consume(queue, size);
    } catch (error) {
      if (error instanceof AmqpReplyError && error.text.includes(`'${queue}'`)) this.#refused.add(queue, error);
      throw error;
    }
    this.#refused.delete(queue);
  }

  /** Python's producers leave delays to RabbitMQ where there are quorum queues. Never rejects. */
  async #admitDelayed(queue: string): Promise<void> {
    const { delayed, topology, log } = this.#options;
    const patterns = topology.patternsOf(queue);
    if (this.#admitted.get(queue) === patterns.length) return;
    this.#admitted.set(queue, patterns.length);
    try {
      await delayed.admit(queue, patterns);
    } catch (error) {
      this.#admitted.delete(queue);
      if (error instanceof BrokerUnavailableError) return; // with the next session
      const fields = { queue, error: toError(error).message };
      log.warn("what Python's producers delay may not come to the queue", fields);
    }
  }

  /** One that was declared here, and deleted by somebody else, is made again. */
  async #exists(queue: string): Promise<boolean> {
    const { pool, topology } = this.#options;
    return (await findQueue(pool, queue)) !== undefined || topology.restore(queue);
  }

  #lookLater(): void {
    this.#stopLooking?.();
    if (this.#isDisposed) return;
    const missingMs = exponentialBackoff(this.#missed, MISSING);
    const pauseMs = Math.max(missingMs, this.#areAllRefused ? (this.#refused.pauseMs ?? 0) : 0);
    this.#stopLooking = startTimer(this.#options.clock, pauseMs, () => this.#look());
  }

  /** Whether there is nothing else to look for. */
  get #areAllRefused(): boolean {
    const without = this.#options.wanted().filter((queue) => this.#session?.queues.has(queue) !== true);
    return without.every((queue) => this.#refused.has(queue));
  }

  #look(): void {
    this.#stopLooking?.();
    this.#stopLooking = undefined;
    this.adjust();
  }
}

function hasEnded({ closed }: ConsumerSession): boolean {
  return closed !== undefined;
}

function isRefusal(error: unknown): error is AmqpReplyError | TopologyMismatchError {
  return error instanceof AmqpReplyError || error instanceof TopologyMismatchError;
}
