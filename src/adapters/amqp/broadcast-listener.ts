import type { Message as AmqpDelivered } from "amqplib";
import type { Listener } from "../../broker/broadcaster.ts";
import type { Message } from "../../message/message.ts";
import type { Exchange } from "../../routing/topology.ts";
import type { Abortable } from "../../util/abortable.ts";
import { AsyncQueue } from "../../util/async-queue.ts";
import type { Clock } from "../../util/clock.ts";
import { fromAmqp } from "./amqp-message.ts";
import { declareListener, isLasting, listenerQueue } from "./broadcast-topology.ts";
import type { AmqpChannel } from "./connections/amqp-channel.ts";
import type { AmqpLink } from "./connections/amqp-link.ts";
import { HeardBefore } from "./heard-before.ts";
import { KeptChannel } from "./kept-channel.ts";

/** Messages that wait for a slow listener; of more than these, the newest are dropped. */
const MAX_WAITING = 10_000;

export interface BroadcastListenerOptions extends Abortable {
  /** It ends with this. */
  readonly link: AmqpLink;
  readonly clock: Clock;
  readonly exchange: Exchange;
  /** What its queue is bound by. */
  readonly key: string;
}

/** Hears an exchange by a queue and a channel of its own; after the connection was lost, by new ones. Of commands, the queue stays. */
export class BroadcastListener implements Listener {
  readonly #options: BroadcastListenerOptions;
  readonly #heard = new AsyncQueue<Message>();
  readonly #before = new HeardBefore();
  readonly #queue: string;
  #channel: KeptChannel | undefined;
  /** How often it has begun to consume. */
  #times = 0;

  /** Resolves once it hears. Rejects with BrokerUnavailableError, and with AmqpReplyError when the server refuses it. */
  static async open(options: BroadcastListenerOptions): Promise<BroadcastListener> {
    const listener = new BroadcastListener(options);
    try {
      await listener.#open();
      return listener;
    } catch (error) {
      await listener[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(options: BroadcastListenerOptions) {
    this.#options = options;
    this.#queue = listenerQueue(options.exchange);
  }

  [Symbol.asyncIterator](): AsyncIterator<Message, undefined> {
    return this.#heard[Symbol.asyncIterator]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#channel?.[Symbol.asyncDispose]();
    // In this order: what is still consumed would be declared again.
    if (isLasting(this.#options.exchange)) await this.#delete().catch(() => undefined); // it expires
  }

  async #open(): Promise<void> {
    const { link, clock, signal } = this.#options;
    this.#channel = await KeptChannel.open({
      ...{ link, clock, signal },
      setUp: (fresh) => this.#hear(fresh),
      onEnded: (failure) => this.#heard.end(failure),
    });
  }

  async #hear(channel: AmqpChannel): Promise<void> {
    const { exchange, key } = this.#options;
    const lasts = isLasting(exchange);
    // The server may not know yet that a connection is lost: one with a queue of its own has that for itself, of one that stays the later consumer comes first.
    const queue = lasts ? this.#queue : listenerQueue(exchange);
    await channel.call((raw) => declareListener(raw, exchange, queue, key));
    const options = lasts ? { priority: (this.#times += 1) } : { noAck: true };
    const receive = (message: AmqpDelivered | null): void => this.#receive(channel, message, lasts);
    await channel.call((raw) => raw.consume(queue, receive, options));
  }

  /** What is null tells that the queue is gone. */
  #receive(channel: AmqpChannel, message: AmqpDelivered | null, lasts: boolean): void {
    if (message === null) {
      void channel.close();
      return;
    }
    const isNew = !lasts || !this.#before.note(message);
    if (isNew && this.#heard.size < MAX_WAITING) this.#heard.push(fromAmqp(message));
    if (lasts && channel.isWritable) channel.raw.ack(message);
  }

  async #delete(): Promise<void> {
    const channel = await this.#options.link.connection?.openChannel();
    if (channel === undefined) return;
    await channel.call((raw) => raw.deleteQueue(this.#queue)).finally(() => channel.close());
  }
}
