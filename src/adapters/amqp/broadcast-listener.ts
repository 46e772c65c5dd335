import type { Message as AmqpDelivered } from "amqplib";
import type { Listener } from "../../broker/broadcaster.ts";
import type { Message } from "../../message/message.ts";
import type { Exchange } from "../../routing/topology.ts";
import type { Abortable } from "../../util/abortable.ts";
import { AsyncQueue } from "../../util/async-queue.ts";
import type { Clock } from "../../util/clock.ts";
import { fromAmqp } from "./amqp-message.ts";
import { declareListener } from "./broadcast-topology.ts";
import type { AmqpChannel } from "./connections/amqp-channel.ts";
import type { AmqpLink } from "./connections/amqp-link.ts";
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

/** Hears an exchange by a queue and a channel of its own; after the connection was lost, by new ones. */
export class BroadcastListener implements Listener {
  readonly #heard: AsyncQueue<Message>;
  readonly #channel: KeptChannel;

  /** Resolves once it hears. Rejects with BrokerUnavailableError, and with AmqpReplyError when the server refuses it. */
  static async open({ exchange, key, ...options }: BroadcastListenerOptions): Promise<BroadcastListener> {
    const heard = new AsyncQueue<Message>();
    const channel = await KeptChannel.open({
      ...options,
      setUp: (fresh) => hear(fresh, { exchange, key, heard }),
      onEnded: (failure) => heard.end(failure),
    });
    return new BroadcastListener(heard, channel);
  }

  private constructor(heard: AsyncQueue<Message>, channel: KeptChannel) {
    this.#heard = heard;
    this.#channel = channel;
  }

  [Symbol.asyncIterator](): AsyncIterator<Message, undefined> {
    return this.#heard[Symbol.asyncIterator]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#channel[Symbol.asyncDispose]();
  }
}

async function hear(
  channel: AmqpChannel,
  {
    exchange,
    key,
    heard,
  }: Pick<BroadcastListenerOptions, "exchange" | "key"> & { readonly heard: AsyncQueue<Message> },
): Promise<void> {
  const queue = await channel.call((raw) => declareListener(raw, exchange, key));
  const receive = (message: AmqpDelivered | null): void => {
    // What is null tells that the queue is gone.
    if (message === null) void channel.close();
    else if (heard.size < MAX_WAITING) heard.push(fromAmqp(message));
  };
  await channel.call((raw) => raw.consume(queue, receive, { noAck: true }));
}
