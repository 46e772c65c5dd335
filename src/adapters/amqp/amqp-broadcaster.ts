import {
  bindingKey,
  type Broadcaster,
  type BroadcasterSource,
  type Listener,
  type ListenOptions,
} from "../../broker/broadcaster.ts";
import { UnroutableError } from "../../broker/errors.ts";
import type { Message } from "../../message/message.ts";
import type { Exchange } from "../../routing/topology.ts";
import type { Clock } from "../../util/clock.ts";
import { toAmqp } from "./amqp-message.ts";
import { AmqpPublisher } from "./amqp-publisher.ts";
import { declareBroadcast } from "./broadcast-topology.ts";
import { BroadcastListener } from "./broadcast-listener.ts";
import type { AmqpConnection } from "./connections/amqp-connection.ts";
import type { AmqpLink } from "./connections/amqp-link.ts";

export interface AmqpBroadcasterOptions {
  /** Not disposed of with the broadcaster; its listeners end with it. */
  readonly link: AmqpLink;
  readonly clock: Clock;
  /** For threads that open one too. @default none */
  readonly source?: BroadcasterSource | undefined;
}

/**
 * Broadcasts by the exchanges that Celery broadcasts by: Python's workers, monitors and remote control hear them, and are heard. RabbitMQ does not tell how many
 * hear.
 */
export class AmqpBroadcaster implements Broadcaster {
  readonly source: BroadcasterSource | undefined;
  readonly #link: AmqpLink;
  readonly #clock: Clock;
  readonly #publisher: AmqpPublisher;
  /** What each connection has declared, by the exchange's name. */
  readonly #declared = new WeakMap<AmqpConnection, Map<string, Promise<void>>>();

  constructor({ link, clock, source }: AmqpBroadcasterOptions) {
    this.source = source;
    this.#link = link;
    this.#clock = clock;
    this.#publisher = new AmqpPublisher(link, clock);
  }

  async broadcast(message: Message, exchange: Exchange, routingKey = ""): Promise<undefined> {
    const { content, properties } = toAmqp(message);
    const item = { exchange: exchange.name, routingKey, content, properties: { ...properties, mandatory: false } };
    await this.#declare(exchange);
    try {
      await this.#publisher.publish([item]);
    } catch (error) {
      if (!(error instanceof UnroutableError)) throw error;
      // Somebody has deleted the exchange.
      await this.#declare(exchange, { anew: true });
      await this.#publisher.publish([item]);
    }
  }

  async listen(exchange: Exchange, { pattern, signal }: ListenOptions = {}): Promise<Listener> {
    signal?.throwIfAborted();
    const key = bindingKey(exchange, pattern) ?? (exchange.type === "topic" ? "#" : "");
    return BroadcastListener.open({ link: this.#link, clock: this.#clock, exchange, key, signal });
  }

  /** Once for each connection: the server forgets those that are not durable when it restarts. */
  async #declare(exchange: Exchange, { anew = false } = {}): Promise<void> {
    const connection = this.#link.connection ?? (await this.#link.connect());
    const declared = this.#declared.get(connection) ?? new Map<string, Promise<void>>();
    this.#declared.set(connection, declared);
    if (anew) declared.delete(exchange.name);
    const declaring = declared.get(exchange.name) ?? this.#declareOn(connection, exchange);
    declared.set(exchange.name, declaring);
    try {
      await declaring;
    } catch (error) {
      declared.delete(exchange.name);
      throw error;
    }
  }

  async #declareOn(connection: AmqpConnection, exchange: Exchange): Promise<void> {
    try {
      const channel = await connection.openChannel();
      await channel.call((raw) => declareBroadcast(raw, exchange)).finally(() => channel.close());
    } catch (error) {
      throw this.#link.explained(error);
    }
  }
}
