import { randomUUID } from "node:crypto";
import {
  bindingKey,
  type Broadcaster,
  type BroadcasterSource,
  type Listener,
  type ListenOptions,
} from "../../broker/broadcaster.ts";
import type { Message } from "../../message/message.ts";
import { queuesFor } from "../../routing/route-table.ts";
import type { Exchange } from "../../routing/topology.ts";
import { AsyncQueue } from "../../util/async-queue.ts";
import { Batcher } from "../../util/batcher.ts";
import type { Clock } from "../../util/clock.ts";
import { DirectBoxes } from "./direct-boxes.ts";
import { FanoutChannels } from "./fanout-channels.ts";
import type { Command, RedisConnections, Subscription } from "./connections/redis-link.ts";
import { decodeEnvelope, encodeEnvelope } from "./envelope.ts";

/** Messages that wait for a slow listener; of more than these, the newest are dropped. */
const MAX_WAITING = 10_000;

export interface RedisBroadcasterOptions {
  /** Not disposed of with the broadcaster; its listeners end with them. */
  readonly connections: RedisConnections;
  readonly keyPrefix: string;
  /** Number of the database: channels are every database's, so it is part of their names. */
  readonly db: number;
  readonly clock: Clock;
  /** For threads that open one too. @default none */
  readonly source?: BroadcasterSource | undefined;
}

/** Broadcasts as Kombu's fanout exchanges have them, by pub/sub, and as its direct ones do, by lists: Python's workers, monitors and remote control hear them, and are heard. */
export class RedisBroadcaster implements Broadcaster {
  readonly source: BroadcasterSource | undefined;
  readonly #connections: RedisConnections;
  readonly #channels: FanoutChannels;
  readonly #boxes: DirectBoxes;
  readonly #broadcasts: Batcher<Command, number>;

  constructor({ connections, keyPrefix, db, clock, source }: RedisBroadcasterOptions) {
    this.source = source;
    this.#connections = connections;
    this.#channels = new FanoutChannels(keyPrefix, db);
    this.#boxes = new DirectBoxes(connections, keyPrefix, clock);
    this.#broadcasts = new Batcher((commands) => this.#publish(commands));
  }

  async broadcast(message: Message, exchange: Exchange, routingKey = ""): Promise<number | undefined> {
    if (exchange.type === "direct") {
      await this.#boxes.send(message, exchange.name, routingKey);
      return undefined;
    }
    const address = { exchange: exchange.name, routingKey, deliveryTag: randomUUID() };
    const channel = this.#channels.name(exchange.name, routingKey);
    return this.#broadcasts.add(["PUBLISH", channel, encodeEnvelope(message, address)]);
  }

  async listen(exchange: Exchange, { pattern, signal }: ListenOptions = {}): Promise<Listener> {
    signal?.throwIfAborted();
    const binding = bindingKey(exchange, pattern);
    if (exchange.type === "direct") return this.#boxes.open(exchange.name, binding ?? "");
    const heard = new AsyncQueue<Message>();
    const subscription = await this.#connections.subscriber.psubscribe(this.#channels.patterns(exchange, binding), {
      onMessage: (text, channel) => {
        const isMeant =
          binding === undefined || reaches(exchange, binding, this.#channels.routingKey(exchange, channel));
        // What cannot be read is passed over: nobody waits for it.
        const message = isMeant && heard.size < MAX_WAITING ? decodeEnvelope(text)?.message : undefined;
        if (message !== undefined) heard.push(message);
      },
      onEnded: () => heard.end(),
    });
    return new RedisListener(heard, subscription);
  }

  /** Redis counts those that listen by a pattern, as Python's workers do, too. */
  async #publish(commands: readonly Command[]): Promise<readonly number[]> {
    return (await this.#connections.commands.pipeline(commands)) as readonly number[];
  }
}

/** A listener is bound to its exchange as a queue would be. */
function reaches({ name, type }: Exchange, pattern: string, routingKey: string): boolean {
  return queuesFor(type, [{ exchange: name, queue: "", routingKey: pattern }], routingKey).length > 0;
}

class RedisListener implements Listener {
  readonly #heard: AsyncQueue<Message>;
  readonly #subscription: Subscription;

  constructor(heard: AsyncQueue<Message>, subscription: Subscription) {
    this.#heard = heard;
    this.#subscription = subscription;
  }

  [Symbol.asyncIterator](): AsyncIterator<Message, undefined> {
    return this.#heard[Symbol.asyncIterator]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#heard.end();
    await this.#subscription[Symbol.asyncDispose]();
  }
}
