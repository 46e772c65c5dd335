import { createHash } from "node:crypto";
import type { Channel } from "amqplib";
import type { ChannelPool } from "./channel-pool.ts";
import type { AmqpLink } from "./connections/amqp-link.ts";
import type { AmqpConnection } from "./connections/amqp-connection.ts";
import { findQueue } from "./find-queue.ts";

/** Kombu: `transport/native_delayed_delivery.py`. A queue for each power of two holds what it gets for so many seconds, and sends it on to the next lower one. */
const LEVELS = 28;
const DELIVERY = "celery_delayed_delivery";
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
    this.#noticeReconnect();
    this.#declared ??= this.#declare().catch((error: unknown) => {
      this.#declared = undefined;
      throw error;
    });
    await this.#declared;
    const key = keyOf(queue);
    await this.#bind(queue, key);
    const steps = Math.ceil(Math.min(delayMs, MAX_DELAY_MS) / STEP_MS);
    const [seconds, fraction] = [Math.floor((steps * STEP_MS) / 1_000), (steps * STEP_MS) % 1_000];
    const routingKey = `${bitsOf(seconds)}.${key}`;
    return { exchange: fraction === 0 ? levelName(LEVELS - 1) : fractionName(fraction), routingKey };
  }

  /** Something of it is gone from the server: all is declared again. */
  forget(): void {
    this.#declared = undefined;
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

  /** Queues that are there already are taken as they are, whatever their type: Celery has a setting for it. */
  async #declare(): Promise<void> {
    const call = <T>(ask: (raw: Channel) => Promise<T>): Promise<T> => this.#pool.call(ask);
    for (let level = LEVELS - 1; level >= 0; level -= 1) {
      const name = levelName(level);
      await call((raw) => raw.assertExchange(name, "topic"));
      await this.#ensureQueue(name, {
        "x-queue-type": "quorum",
        "x-overflow": "reject-publish",
        "x-message-ttl": 2 ** level * 1_000,
        "x-dead-letter-exchange": level > 0 ? levelName(level - 1) : DELIVERY,
        "x-dead-letter-strategy": "at-least-once",
      });
      await call((raw) => raw.bindQueue(name, name, `${above(level)}1.#`));
    }
    await call((raw) => raw.assertExchange(DELIVERY, "topic"));
    for (let level = LEVELS - 1; level >= 0; level -= 1) {
      const next = level > 0 ? levelName(level - 1) : DELIVERY;
      await call((raw) => raw.bindExchange(next, levelName(level), `${above(level)}0.#`));
    }
    for (let ms = STEP_MS; ms < 1_000; ms += STEP_MS) {
      const name = fractionName(ms);
      await call((raw) => raw.assertExchange(name, "fanout"));
      await this.#ensureQueue(name, {
        "x-message-ttl": ms,
        "x-dead-letter-exchange": levelName(LEVELS - 1),
      });
      await call((raw) => raw.bindQueue(name, name, ""));
    }
  }

  async #ensureQueue(name: string, args: Readonly<Record<string, unknown>>): Promise<void> {
    if ((await findQueue(this.#pool, name)) !== undefined) return;
    await this.#pool.call((raw) => raw.assertQueue(name, { durable: true, arguments: args }));
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

/** The queue's name; where that would not match itself alone, or is too long, a name that is made of it. */
function keyOf(queue: string): string {
  const isPlain = !queue.split(".").some((word) => word === "*" || word === "#");
  const isShort = Buffer.byteLength(queue) + 2 * LEVELS <= MAX_ROUTING_KEY;
  return isPlain && isShort ? queue : createHash("sha1").update(queue).digest("hex");
}
