import { randomUUID } from "node:crypto";
import type { ConsumeMessage } from "amqplib";
import { UnroutableError } from "../../broker/errors.ts";
import { uptimeOf, type Clock } from "../../util/clock.ts";
import { deferred, type Deferred } from "../../util/deferred.ts";
import { toError } from "../../util/errors.ts";
import type { Logger } from "../../util/logger.ts";
import { startTimer } from "../../util/timer.ts";
import { within } from "../../util/within.ts";
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
/** How long a copy is waited for, in milliseconds: after `KEPT_MS` it is on its way home. */
const ARRIVAL_MS = 2 * KEPT_MS;
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
 * RabbitMQ takes back what is held longer than its `consumer_timeout`. Once half of that is over, a copy in a queue of the consumer's own takes the message's place, and with it the
 * time begins anew. Once this consumer is gone, that queue sends it back to where it came from.
 */
export class Keeper implements AsyncDisposable {
  readonly #options: KeeperOptions;
  readonly #listening: Disposable;
  #session: Promise<ConsumerSession> | undefined;
  /** By the queue that their messages come from; they go with the session. */
  readonly #queues = new Map<string, Promise<string>>();
  /** The copies that are on their way to this consumer, by their ids. */
  readonly #coming = new Map<string, Coming>();
  /** What is being copied. */
  readonly #underWay = new Set<AmqpDelivery>();
  #hasWarned = false;
  #stopWaiting: (() => void) | undefined;
  #isDisposed = false;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#listening = options.timeout.onTold(() => this.#lookLater());
    this.#lookLater();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    this.#listening[Symbol.dispose]();
    this.#stopWaiting?.();
    const session = await this.#session?.catch(() => undefined); // told to who wanted it
    await session?.close();
  }

  #lookLater(): void {
    const { clock, timeout } = this.#options;
    this.#stopWaiting?.();
    if (this.#isDisposed) return;
    this.#stopWaiting = startTimer(clock, Math.min(timeout.ms / 4, ROUND_MS), () => {
      this.#lookLater();
      this.#look();
    });
  }

  #look(): void {
    const { held, clock, timeout } = this.#options;
    const latest = uptimeOf(clock) - timeout.ms / 2;
    for (const delivery of held.inOrder()) {
      const isDue = delivery.takenAt <= latest && held.isIdle(delivery) && !this.#underWay.has(delivery);
      if (isDue) void this.#tryToKeep(delivery);
    }
  }

  /** Never rejects. */
  async #tryToKeep(delivery: AmqpDelivery): Promise<void> {
    this.#underWay.add(delivery);
    try {
      await this.#keep(delivery, await (this.#session ??= this.#open()));
      this.#hasWarned = false;
    } catch (error) {
      if (!delivery.isLost) this.#warn(delivery, error);
    } finally {
      this.#underWay.delete(delivery);
    }
  }

  /** Once until it goes well again: the same is true of all. */
  #warn({ queue, message }: AmqpDelivery, error: unknown): void {
    const { timeout, log } = this.#options;
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    log.warn("message is held for long, and RabbitMQ may take it back", {
      ...{ queue, id: message.properties.correlationId },
      ...{ consumerTimeoutMs: timeout.ms, error: toError(error).message },
    });
  }

  /** The copy first: a crash between makes two, never none. */
  async #keep(delivery: AmqpDelivery, session: ConsumerSession): Promise<void> {
    const { held, clock, onMoved } = this.#options;
    const copy = await this.#copied(delivery, session);
    if (!held.isIdle(delivery)) {
      drop(session, copy);
      return;
    }
    const { raw, session: previous } = delivery;
    delivery.moveTo(session, copy, uptimeOf(clock));
    if (previous !== session) await onMoved();
    previous.ack(
      raw,
      () => undefined,
      () => this.#comesTwice(delivery),
    );
  }

  /** Resolves with the copy once it is here and the server has confirmed it. What comes after that was given up is dropped. */
  async #copied(delivery: AmqpDelivery, session: ConsumerSession): Promise<ConsumeMessage> {
    const { copier, clock } = this.#options;
    const queue = this.#queueFor(delivery.queue, session);
    const coming: Coming = { queue: await queue, copy: deferred() };
    const id = randomUUID();
    this.#coming.set(id, coming);
    const arriving = coming.copy.promise;
    arriving.catch(() => undefined); // looked at below
    try {
      await copier.keep(delivery, coming.queue, id);
    } catch (error) {
      if (error instanceof UnroutableError && this.#queues.get(delivery.queue) === queue) {
        this.#queues.delete(delivery.queue);
      }
      this.#giveUp(id, session);
      throw error;
    }
    try {
      const late = (): Error => new Error("a copy of it does not come back.");
      return await within({ clock, ms: ARRIVAL_MS, error: late }, () => arriving);
    } catch (error) {
      this.#giveUp(id, session);
      this.#comesTwice(delivery); // it is on its way home
      throw error;
    } finally {
      this.#coming.delete(id);
    }
  }

  #giveUp(id: string, session: ConsumerSession): void {
    void this.#coming.get(id)?.copy.promise.then(
      (copy) => drop(session, copy),
      () => undefined,
    );
    this.#coming.delete(id);
  }

  #comesTwice({ queue, message }: AmqpDelivery): void {
    const fields = { queue, id: message.properties.correlationId };
    this.#options.log.warn("message was lost from sight while a copy of it was made, and may come twice", fields);
  }

  async #open(): Promise<ConsumerSession> {
    const { link, clock, silenceMs } = this.#options;
    try {
      const session = await ConsumerSession.open({
        ...{ connection: await link.connect(), clock, silenceMs, prefetch: 0 },
        onMessage: (from, _, copy) => this.#receive(from, copy),
        onCancelled: (queue) => this.#forget(queue),
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
    declared.catch(() => {
      if (this.#queues.get(home) === declared) this.#queues.delete(home);
    });
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
    else coming.copy.resolve(copy);
  }

  /** Somebody has deleted a keeping queue, and with it what was on its way through it. */
  #forget(deleted: string): void {
    for (const [home, queue] of this.#queues) {
      void queue.then((name) => {
        if (name === deleted && this.#queues.get(home) === queue) this.#queues.delete(home);
      });
    }
    for (const { queue, copy } of this.#coming.values()) {
      if (queue === deleted) copy.reject(new Error(`the queue ${queue} was deleted.`));
    }
  }

  #lose(session: ConsumerSession, reason: Error): void {
    this.#session = undefined;
    this.#queues.clear();
    for (const { copy } of this.#coming.values()) copy.reject(reason);
    this.#options.onLost(session);
  }
}

/** A copy that is on its way by this queue. */
interface Coming {
  readonly queue: string;
  readonly copy: Deferred<ConsumeMessage>;
}

function drop(session: ConsumerSession, copy: ConsumeMessage): void {
  const ignore = (): void => undefined; // it goes with its channel
  session.ack(copy, ignore, ignore);
}
