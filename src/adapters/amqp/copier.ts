import { DeliveryLostError, UnroutableError } from "../../broker/errors.ts";
import { LEASE_LOST, withNote } from "../../broker/queued/history.ts";
import type { Clock } from "../../util/clock.ts";
import type { AmqpDelivery, Settlement } from "./amqp-delivery.ts";
import { copyOf, keptCopyOf, type Marks, type Outgoing } from "./amqp-message.ts";
import type { AmqpPublisher } from "./amqp-publisher.ts";
import { isRefusedWith } from "./connections/amqp-channel.ts";
import type { AmqpReplyError } from "./connections/amqp-failure.ts";
import { deathId } from "./dead-letter.ts";
import type { DeadLetters } from "./dead-letters.ts";
import type { DelayedDelivery } from "./delayed-delivery.ts";

export interface CopierOptions {
  readonly publisher: AmqpPublisher;
  readonly delayed: DelayedDelivery;
  readonly deadLetters: DeadLetters;
  readonly clock: Clock;
}

/** What AMQP cannot do with a message in its place, it does with a copy: that has the marks of what was done. */
export class Copier {
  readonly #options: CopierOptions;

  constructor(options: CopierOptions) {
    this.#options = options;
  }

  /** Resolves once the copy is confirmed. Rejects with BrokerUnavailableError, and with DeliveryLostError when the queue is gone, and the message with it. */
  async copy(delivery: AmqpDelivery, settlement: Exclude<Settlement, { outcome: "ack" }>): Promise<void> {
    const { publisher, delayed, deadLetters } = this.#options;
    const send = async (): Promise<void> => publisher.publish([await this.#outgoing(delivery, settlement)]);
    try {
      try {
        await send();
      } catch (error) {
        if (!isMissing(error) || isOwnQueue(error, delivery)) throw error;
        // Somebody has deleted what leads there.
        if (settlement.outcome === "dead-letter") deadLetters.forget();
        else delayed.forget();
        await send();
      }
    } catch (error) {
      throw isMissing(error) && isOwnQueue(error, delivery) ? new DeliveryLostError(delivery.queue) : error;
    }
  }

  /** To the consumer that holds it. Where it is sent home from there, that consumer is gone. Rejects with BrokerUnavailableError, and with UnroutableError when the queue is. */
  async keep({ raw, deliveries, history }: AmqpDelivery, queue: string, id: string): Promise<void> {
    const { publisher, clock } = this.#options;
    const marks = { deliveries, history: withNote(history, LEASE_LOST, clock.now()) };
    await publisher.publish([{ exchange: "", routingKey: queue, ...keptCopyOf(raw, marks, id) }]);
  }

  async #outgoing(delivery: AmqpDelivery, settlement: Settlement): Promise<Outgoing> {
    const { clock, delayed, deadLetters } = this.#options;
    const { raw, queue, deliveries, history } = delivery;
    const now = clock.now();
    const toQueue = { exchange: "", routingKey: queue };
    const uncounted: Marks = { deliveries: deliveries - 1, history };
    switch (settlement.outcome) {
      case "requeue": {
        const { reason } = settlement;
        const told = reason === undefined ? history : withNote(history, reason, now);
        return { ...toQueue, ...copyOf(raw, { deliveries, history: told }) };
      }
      case "defer": {
        const delayMs = settlement.until.getTime() - now;
        const route = delayMs > 0 ? await delayed.route(queue, delayMs) : toQueue;
        return { ...route, ...copyOf(raw, uncounted) };
      }
      case "dead-letter": {
        const death = { id: deathId(now), queue, reason: settlement.reason, deliveries, at: now };
        return { ...(await deadLetters.route()), ...copyOf(raw, { deliveries: 0, history }, death) };
      }
      default:
        return { ...toQueue, ...copyOf(raw, uncounted) };
    }
  }
}

type Missing = UnroutableError | AmqpReplyError;

function isMissing(error: unknown): error is Missing {
  return error instanceof UnroutableError || isRefusedWith(error, 404);
}

function isOwnQueue(error: Missing, { queue }: AmqpDelivery): boolean {
  if (error instanceof UnroutableError) return error.exchange === "" && error.routingKey === queue;
  return error.text.includes(`no queue '${queue}'`);
}
