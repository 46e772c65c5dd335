import { randomUUID } from "node:crypto";
import type { ConsumeMessage } from "amqplib";
import { BrokerUnavailableError } from "../../broker/errors.ts";
import { uptimeOf, type Clock } from "../../util/clock.ts";
import { deferred, type Deferred } from "../../util/deferred.ts";
import { toError } from "../../util/errors.ts";
import type { Logger } from "../../util/logger.ts";
import { startTimer } from "../../util/timer.ts";
import type { AmqpDelivery } from "./amqp-delivery.ts";
import { keptIdOf } from "./amqp-message.ts";
import type { ChannelPool } from "./channel-pool.ts";
import type { AmqpLink } from "./connections/amqp-link.ts";
import { ConsumerSession } from "./consumer-session.ts";
import type { ConsumerTimeout } from "./consumer-timeout.ts";
import type { Copier } from "./copier.ts";
import type { HeldDeliveries } from "./held-deliveries.ts";

/** How long a message stays in a keeping queue that nobody consumes from, in milliseconds; one that comes back to it later goes home at once. */
const KEPT_MS = 5_000;
/** A keeping queue whose consumer is gone is removed after this, in milliseconds. */
const ABANDONED_MS = 60_000;
/** At least so often is looked for what is held for long, in milliseconds. */
const ROUND_MS = 60_000;

export interface KeeperOptions {
  readonly link: AmqpLink;
  readonly pool: ChannelPool;
  readonly copier: Copier;
  readonly held: HeldDeliveries;
  readonly timeout: ConsumerTimeout;
  readonly silenceMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** What is kept takes its place of the prefetch along. Resolves once the server knows of that. */
  readonly onMoved: () => Promise<void>;
  /** The server has taken back all that is kept. */
  readonly onLost: (session: ConsumerSession) => void;
}

/**
 * RabbitMQ takes back what is held longer than its `consumer_timeout`. Before that is over, a copy in a queue of the consumer's own takes the message's place, and with it the
 * time begins anew. Once this consumer is gone, that queue sends it back to where it came from.
 */
export class Keeper implements AsyncDisposable {
  readonly #options: KeeperOptions;
  #session: Promise<ConsumerSession> | undefined;
  /** By the queue that their messages come from; they go with the session. */
  readonly #queues = new Map<string, Promise<string>>();
  /** The copies that are on their way to this consumer. */
  readonly #coming = new Map<string, Deferred<ConsumeMessage>>();
  #stopWaiting: (() => void) | undefined;
  #isDisposed = false;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.look();
  }

  /** Looks from now on as often as the timeout asks for. */
  look(): void {
    const { clock, timeout } = this.#options;
    this.#stopWaiting?.();
    if (this.#isDisposed) return;
    this.#stopWaiting = startTimer(clock, Math.min(timeout.ms / 4, ROUND_MS), () => {
      void this.#keepAll().then(() => this.look());
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    this.#stopWaiting?.();
    const session = await this.#session?.catch(() => undefined); // told to who wanted it
    await session?.close();
  }

  /** Never rejects. */
  async #keepAll(): Promise<void> {
    const { held, clock, timeout, log } = this.#options;
    const latest = uptimeOf(clock) - timeout.ms / 2;
    const due = held.inOrder().filter(({ takenAt, isSettled }) => takenAt <= latest && !isSettled);
    const keep = async (delivery: AmqpDelivery): Promise<void> => {
      try {
        await this.#keep(delivery, await (this.#session ??= this.#open()));
      } catch (error) {
        this.#queues.delete(delivery.queue); // it may have been deleted
        if (error instanceof BrokerUnavailableError || delivery.isLost) return;
        log.warn("message is held for long, and RabbitMQ may take it back", {
          ...{ queue: delivery.queue, id: delivery.message.properties.correlationId },
          ...{ consumerTimeoutMs: timeout.ms, error: toError(error).message },
        });
      }
    };
    await Promise.all(due.map(keep));
  }

  /** The copy first: a crash between makes two, never none. */
  async #keep(delivery: AmqpDelivery, session: ConsumerSession): Promise<void> {
    const { copier, clock, onMoved, log } = this.#options;
    const queue = await this.#queueFor(delivery.queue, session);
    const id = randomUUID();
    const coming = deferred<ConsumeMessage>();
    this.#coming.set(id, coming);
    const sending = copier.keep(delivery, queue, id);
    const [copy] = await Promise.all([coming.promise, sending]).finally(() => this.#coming.delete(id));
    if (delivery.isSettled || delivery.isLost) {
      drop(session, copy);
      return;
    }
    const { raw, session: previous } = delivery;
    delivery.moveTo(session, copy, uptimeOf(clock));
    if (previous !== session) await onMoved();
    const comesTwice = (): void => {
      log.warn("message was taken back while a copy of it was made, and comes twice", { queue: delivery.queue });
    };
    previous.ack(raw, () => undefined, comesTwice);
  }

  async #open(): Promise<ConsumerSession> {
    const { link, clock, silenceMs } = this.#options;
    try {
      const session = await ConsumerSession.open({
        ...{ connection: await link.connect(), clock, silenceMs, prefetch: 0 },
        onMessage: (from, _, copy) => this.#receive(from, copy),
        onCancelled: () => this.#queues.clear(),
      });
      session.onClosed((reason) => this.#lose(session, reason));
      if (this.#isDisposed) await session.close();
      else await session.share(); // nothing holds back what is kept
      return session;
    } catch (error) {
      this.#session = undefined;
      throw link.explained(error);
    }
  }

  #queueFor(home: string, session: ConsumerSession): Promise<string> {
    const known = this.#queues.get(home);
    if (known !== undefined) return known;
    const declared = this.#declare(home, session);
    this.#queues.set(home, declared);
    return declared;
  }

  async #declare(home: string, session: ConsumerSession): Promise<string> {
    const name = `celeriac.kept.${randomUUID()}`;
    const args = {
      "x-queue-type": "classic",
      "x-message-ttl": KEPT_MS,
      "x-expires": ABANDONED_MS,
      "x-dead-letter-exchange": "",
      "x-dead-letter-routing-key": home,
    };
    await this.#options.pool.call((raw) => raw.assertQueue(name, { durable: true, arguments: args }));
    await session.consume(name);
    return name;
  }

  /** A copy that nobody waits for any more is of a message that is still held, or was taken back. */
  #receive(session: ConsumerSession, copy: ConsumeMessage): void {
    const coming = this.#coming.get(keptIdOf(copy) ?? "");
    if (coming === undefined) drop(session, copy);
    else coming.resolve(copy);
  }

  #lose(session: ConsumerSession, reason: Error): void {
    this.#session = undefined;
    this.#queues.clear();
    for (const coming of this.#coming.values()) coming.reject(reason);
    this.#options.onLost(session);
  }
}

function drop(session: ConsumerSession, copy: ConsumeMessage): void {
  const ignore = (): void => undefined; // it goes with its channel
  session.ack(copy, ignore, ignore);
}
