import { createHash } from "node:crypto";
import type { Channel } from "amqplib";
import type { Route } from "../../routing/topology.ts";
import type { ChannelPool } from "./channel-pool.ts";
import { isRefusedWith } from "./connections/amqp-channel.ts";
import type { AmqpConnection } from "./connections/amqp-connection.ts";
import type { AmqpLink } from "./connections/amqp-link.ts";

/** Kombu: `transport/native_delayed_delivery.py`. A queue for each power of two holds what it gets for so many seconds, and sends it on to the next lower one. */
const LEVELS = 28;
const DELIVERY = "celery_delayed_delivery";
const OWN = ".celeriac";
const levelName = (level: number): string => `celery_delayed_${level}`;

/** The longest delay, in milliseconds: eight and a half years. */
export const MAX_DELAY_MS: number = (2 ** LEVELS - 1) * 1_000;

/** What is left of a second is waited for in one of nine queues of our own, before the whole ones. */
const STEP_MS = 100;
const fractionName = (ms: number): string => `celeriac_delayed_${ms}ms`;

/** AMQP's short strings end there. */
const MAX_ROUTING_KEY = 255;

/** Where a message goes that is to come to a queue later. */
export interface DelayedRoute {
  readonly exchange: string;
  readonly routingKey: string;
}

/** Delays by Celery's own topology, which Python's Celery 5.5 and later shares: no worker holds what is not due. */
export class DelayedDelivery {
  readonly #pool: ChannelPool;
  readonly #link: AmqpLink;
  /** Of which connection what follows is known. */
  #connection: AmqpConnection | undefined;
  #declared: Promise<void> | undefined;
  readonly #binding = new Map<string, Promise<void>>();

  constructor(pool: ChannelPool, link: AmqpLink) {
    this.#pool = pool;
    this.#link = link;
  }

  /** `delayMs` is cut to what can be held, and rounded up to a tenth of a second. Makes what is missing on the server. */
  async route(queue: string, delayMs: number): Promise<DelayedRoute> {
    await this.#ensure();
    const key = keyOf(queue);
    await this.#bind(queue, key);
    const steps = Math.ceil(Math.min(delayMs, MAX_DELAY_MS) / STEP_MS);
    const [seconds, fraction] = [Math.floor((steps * STEP_MS) / 1_000), (steps * STEP_MS) % 1_000];
    const routingKey = `${bitsOf(seconds)}.${key}`;
    return { exchange: fraction === 0 ? levelName(LEVELS - 1) : fractionName(fraction), routingKey };
  }

  /**
   * Lets what Python's producers delay come to a queue that is bound to exchanges like this, as Celery's workers do when they have quorum queues
   * (kombu/transport/native_delayed_delivery.py:bind_queue_to_native_delayed_delivery_exchange).
   */
  async admit(queue: string, bindings: readonly Route[]): Promise<void> {
    if (bindings.length === 0) return;
    await this.#ensure();
    await this.#all(
      bindings.flatMap(({ exchange, routingKey }) => {
        const pattern = routingKey.startsWith("#") ? routingKey : `#.${routingKey}`;
        return [
          (raw: Channel) => raw.bindExchange(exchange, DELIVERY, pattern),
          (raw: Channel) => raw.bindQueue(queue, exchange, pattern),
        ];
      }),
    );
  }

  /** Something of it is gone from the server: all is declared again. */
  forget(): void {
    this.#declared = undefined;
  }

  async #ensure(): Promise<void> {
    this.#noticeReconnect();
    this.#declared ??= this.#declare().catch((error: unknown) => {
      this.#declared = undefined;
      throw error;
    });
    await this.#declared;
  }

  #noticeReconnect(): void {
    if (this.#connection === this.#link.connection && this.#connection !== undefined) return;
    this.#connection = this.#link.connection;
    this.#declared = undefined;
  }

  /** Each time anew: a queue that was deleted meanwhile, and made again, has lost its bindings. */
  #bind(queue: string, key: string): Promise<void> {
    const underWay = this.#binding.get(queue);
    if (underWay !== undefined) return underWay;
    // As many words as there are levels: Kombu's `#` would also match queues with a dot in their names.
    const pattern = `${"*.".repeat(LEVELS)}${key}`;
    const bound = this.#pool
      .call((raw) => raw.bindQueue(queue, DELIVERY, pattern))
      .then(() => undefined)
      .finally(() => this.#binding.delete(queue));
    this.#binding.set(queue, bound);
    return bound;
  }

  /** Each step all at once: there are many, and a first delayed send waits for them. */
  async #declare(): Promise<void> {
    const levels = Array.from({ length: LEVELS }, (_, level) => level);
    const fractions = Array.from({ length: 1_000 / STEP_MS - 1 }, (_, index) => (index + 1) * STEP_MS);
    await this.#all([
      (raw) => raw.assertExchange(DELIVERY, "topic"),
      ...levels.map((level) => (raw: Channel) => raw.assertExchange(levelName(level), "topic")),
      ...fractions.map((ms) => (raw: Channel) => raw.assertExchange(fractionName(ms), "fanout")),
    ]);
    await Promise.all([
      ...levels.map((level) =>
        this.#ensureQueue(levelName(level), {
          "x-queue-type": "quorum",
          "x-overflow": "reject-publish",
          "x-message-ttl": 2 ** level * 1_000,
          "x-dead-letter-exchange": below(level),
          "x-dead-letter-strategy": "at-least-once",
        }),
      ),
      ...fractions.map((ms) =>
        this.#ensureQueue(fractionName(ms), {
          "x-message-ttl": ms,
          "x-dead-letter-exchange": levelName(LEVELS - 1),
        }),
      ),
    ]);
    await this.#all([
      ...levels.flatMap((level) => [
        (raw: Channel) => raw.bindQueue(levelName(level), levelName(level), `${above(level)}1.#`),
        (raw: Channel) => raw.bindExchange(below(level), levelName(level), `${above(level)}0.#`),
      ]),
      ...fractions.map((ms) => (raw: Channel) => raw.bindQueue(fractionName(ms), fractionName(ms), "")),
    ]);
  }

  async #all(asked: readonly ((raw: Channel) => Promise<unknown>)[]): Promise<void> {
    await this.#pool.call((raw) => Promise.all(asked.map((ask) => ask(raw))));
  }

  /** One that is there already is taken as it is, whatever its type: Celery has a setting for it. */
  async #ensureQueue(name: string, args: Readonly<Record<string, unknown>>): Promise<void> {
    try {
      await this.#pool.call((raw) => raw.assertQueue(name, { durable: true, arguments: args }));
    } catch (error) {
      if (!isRefusedWith(error, 406)) throw error;
    }
  }
}

/** A word for each level, the highest first. */
function bitsOf(seconds: number): string {
  return Array.from({ length: LEVELS }, (_, index) => (seconds >> (LEVELS - 1 - index)) & 1).join(".");
}

/** A word for each level above this one. */
function above(level: number): string {
  return "*.".repeat(LEVELS - 1 - level);
}

/** Where what leaves this level's queue goes. */
function below(level: number): string {
  return level > 0 ? levelName(level - 1) : DELIVERY;
}

/**
 * What its messages end with on their way to this queue: its name, or a name that is made of it where that would not match itself alone or is too long, and a word of our own, since
 * Kombu's bindings take all that ends with a routing key of theirs.
 */
function keyOf(queue: string): string {
  const isPlain = !queue.split(".").some((word) => word === "*" || word === "#");
  const isShort = Buffer.byteLength(`${queue}${OWN}`) + 2 * LEVELS <= MAX_ROUTING_KEY;
  return `${isPlain && isShort ? queue : createHash("sha1").update(queue).digest("hex")}${OWN}`;
}
