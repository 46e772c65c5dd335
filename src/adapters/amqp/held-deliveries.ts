import { BrokerUnavailableError, DeliveryLostError } from "../../broker/errors.ts";
import { exponentialBackoff } from "../../util/backoff.ts";
import type { Clock } from "../../util/clock.ts";
import { toError } from "../../util/errors.ts";
import type { Logger } from "../../util/logger.ts";
import { Roster } from "../../util/roster.ts";
import type { AmqpDelivery, DeliveryOwner, Settlement } from "./amqp-delivery.ts";
import type { ConsumerSession } from "./consumer-session.ts";
import type { Copier } from "./copier.ts";

/** Pauses before the next try to send a copy. */
const RETRY = { baseMs: 100, maxMs: 2_000 } as const;

/** How long a message is held back whose copy was refused, in milliseconds: it comes again at once when it is let go. */
const REFUSED_MS = 1_000;

export interface HeldDeliveriesOptions {
  readonly copier: Copier;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborts when what is under way need not be tried again. */
  readonly givingUp: AbortSignal;
  /** What a cancelled consumer held, or a copy, makes room for another. */
  readonly onRoomMade: () => void;
}

/** Everything that came to a consumer and is not settled yet, and how it is settled. */
export class HeldDeliveries implements DeliveryOwner {
  readonly #options: HeldDeliveriesOptions;
  readonly #all = new Roster<AmqpDelivery>();
  #settling = 0;
  #onSettled: (() => void)[] = [];

  constructor(options: HeldDeliveriesOptions) {
    this.#options = options;
  }

  /** How many are held that are not being settled. */
  get size(): number {
    return this.#all.size - this.#settling;
  }

  /** Whether it is held, and nobody is settling it. */
  isIdle(delivery: AmqpDelivery): boolean {
    return this.#all.has(delivery) && !delivery.isSettled && delivery.failSettling === undefined;
  }

  add(delivery: AmqpDelivery): void {
    this.#all.add(delivery);
  }

  /** Whether something is held that came by this channel. */
  has(session: ConsumerSession): boolean {
    for (const delivery of this.#all) if (delivery.session === session) return true;
    return false;
  }

  /** As they came, but for what is kept. */
  inOrder(): readonly AmqpDelivery[] {
    return [...this.#all].sort((a, b) => a.raw.fields.deliveryTag - b.raw.fields.deliveryTag);
  }

  /** How many are held by copies, beside the prefetch. */
  get kept(): number {
    let kept = 0;
    for (const { isKept } of this.#all) if (isKept) kept += 1;
    return kept;
  }

  /** How many are held by consumers that were cancelled. */
  orphans(session: ConsumerSession): number {
    let orphans = 0;
    for (const { session: own, failSettling, raw } of this.#all) {
      if (own === session && failSettling === undefined && !session.shares.has(raw.fields.consumerTag)) orphans += 1;
    }
    return orphans;
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

  /** The server has taken back all that came by this channel. Returns what that was. */
  lose(session: ConsumerSession): readonly AmqpDelivery[] {
    const lost = [...this.#all].filter((delivery) => delivery.session === session);
    for (const delivery of lost) {
      delivery.markLost();
      delivery.failSettling?.(new DeliveryLostError(delivery.queue));
      this.#forget(delivery);
    }
    return lost;
  }

  /** What is held is nobody's any more, and what is being settled fails with this. */
  giveUp(reason: Error): void {
    for (const delivery of this.#all) {
      delivery.failSettling?.(reason);
      delivery.markLost();
    }
  }

  /** Resolves once nothing is being settled. */
  async settled(): Promise<void> {
    while (this.#settling > 0) await new Promise<void>((resolve) => this.#onSettled.push(resolve));
  }

  /** A copy first, then the acknowledgement: a crash between makes two, never none. Tried again while the message is held. */
  async #copy(
    delivery: AmqpDelivery,
    settlement: Exclude<Settlement, { outcome: "ack" }>,
    ack: () => void,
    fail: (error: unknown) => void,
  ): Promise<void> {
    const { copier, clock, givingUp } = this.#options;
    const isUnderWay = (): boolean => delivery.failSettling !== undefined;
    for (let failures = 0; isUnderWay(); failures += 1) {
      try {
        await copier.copy(delivery, settlement);
        if (isUnderWay()) ack();
        return;
      } catch (error) {
        if (!(error instanceof BrokerUnavailableError)) {
          if (!isUnderWay()) return;
          fail(error);
          await this.#letGo(delivery, settlement, error);
          return;
        }
      }
      const pauseMs = exponentialBackoff(failures, RETRY);
      await clock.sleep(pauseMs, { signal: givingUp }).catch(() => undefined);
    }
  }

  /** There will be no copy, so that the message stays the server's. Of a queue that was deleted only the place of the prefetch is left to be given back. */
  async #letGo(delivery: AmqpDelivery, { outcome }: Settlement, error: unknown): Promise<void> {
    const { clock, givingUp, log } = this.#options;
    if (!(error instanceof DeliveryLostError)) {
      const fields = { queue: delivery.queue, id: delivery.message.properties.correlationId };
      log.error("message could not be sent again, RabbitMQ keeps it as it is", {
        ...{ ...fields, outcome, error: toError(error).message },
      });
      await clock.sleep(REFUSED_MS, { signal: givingUp }).catch(() => undefined);
    }
    // From a queue of the consumer's own the dead letters go home.
    delivery.session.giveBack(delivery.raw, { toItsQueue: !delivery.isKept });
  }

  #forget(delivery: AmqpDelivery): void {
    this.#all.delete(delivery);
    if (delivery.failSettling === undefined) return;
    delivery.failSettling = undefined;
    this.#settling -= 1;
    const { session, isKept } = delivery;
    const isOrphan = session.isShared && !session.shares.has(delivery.raw.fields.consumerTag);
    if (isKept || isOrphan) this.#options.onRoomMade();
    for (const each of this.#onSettled.splice(0)) each();
  }
}
