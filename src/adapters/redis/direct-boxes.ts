import { randomUUID } from "node:crypto";
import type { Listener } from "../../broker/broadcaster.ts";
import type { Message } from "../../message/message.ts";
import { AsyncQueue } from "../../util/async-queue.ts";
import { exponentialBackoff } from "../../util/backoff.ts";
import type { Clock } from "../../util/clock.ts";
import { script, type RedisConnections } from "./connections/redis-link.ts";
import { decodeEnvelope, encodeEnvelope } from "./envelope.ts";
import { SEPARATOR } from "./store/keys.ts";
import { QueueWatch } from "./store/queue-watch.ts";

/** How long a box lives after its listener was last seen, and what is in it after it came, in milliseconds. */
const BOX_MS = 60_000;
/** How long the table of boxes outlives the last that was opened, in milliseconds: a day. */
const TABLE_MS = 86_400_000;
/** Messages that wait in a list, where the oldest make room, and in the memory of a slow listener, where the newest are dropped. */
const MOST_WAITING = 10_000;
/** Messages that are fetched by one command. */
const FETCHED_AT_ONCE = 100;

const RETRY = { baseMs: 100, maxMs: 2_000 } as const;

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

/** Takes the binding and the list of those whose listeners are gone; Kombu's table of bindings would keep them for ever. */
const FORGET = `
local function forget(box)
  local bindings, member, list = unpack(cjson.decode(box))
  redis.call('SREM', bindings, member)
  redis.call('DEL', list)
  redis.call('ZREM', boxes, box)
end
`;

/** KEYS: the table of all boxes. Arguments: the box, as in `FORGET`, its bindings, its member there, and for how long it and the table live. */
const OPEN = script(`
${NOW}
local boxes = KEYS[1]
${FORGET}
for _, box in ipairs(redis.call('ZRANGEBYSCORE', boxes, '-inf', now, 'LIMIT', 0, 100)) do forget(box) end
redis.call('SADD', ARGV[2], ARGV[3])
redis.call('ZADD', boxes, string.format('%d', now + ARGV[4]), ARGV[1])
redis.call('PEXPIRE', boxes, ARGV[5])
`);

/** KEYS: the table of all boxes. Argument: the box. */
const CLOSE = script(`
local boxes = KEYS[1]
${FORGET}
forget(ARGV[1])
`);

/**
 * KEYS: the bindings of the exchange. Arguments: prefix, routing key with the separator behind it, the envelope, how many messages a list holds, and for how long.
 */
const SEND = script(`
for _, member in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if member:sub(1, #ARGV[2]) == ARGV[2] then
    local list = ARGV[1] .. member:match('\\6\\22.*\\6\\22(.*)$')
    redis.call('LPUSH', list, ARGV[3])
    redis.call('LTRIM', list, 0, ARGV[4] - 1)
    redis.call('PEXPIRE', list, ARGV[5])
  end
end
`);

/**
 * Direct exchanges as Kombu's Redis has them: each listener's messages go into a list of its own, by the table of the exchange's bindings. So Python's replies
 * come to us, and ours to Python. What nobody fetches goes by itself.
 *
 * Kombu: `virtual/exchange.py:DirectExchange`, `redis.py:Channel._put`, `_queue_bind`.
 */
export class DirectBoxes {
  readonly #connections: RedisConnections;
  readonly #prefix: string;
  readonly #clock: Clock;
  #watch: QueueWatch | undefined;

  constructor(connections: RedisConnections, keyPrefix: string, clock: Clock) {
    this.#connections = connections;
    this.#prefix = keyPrefix;
    this.#clock = clock;
  }

  async send(message: Message, exchange: string, routingKey: string): Promise<void> {
    const envelope = encodeEnvelope(message, { exchange, routingKey, deliveryTag: randomUUID() });
    const args = [this.#prefix, routingKey + SEPARATOR, envelope, MOST_WAITING, BOX_MS];
    await this.#connections.commands.script(SEND, [this.#bindings(exchange)], args);
  }

  /** Resolves once what is sent arrives. */
  async open(exchange: string, routingKey: string): Promise<Listener> {
    this.#watch ??= new QueueWatch(this.#connections, this.#clock);
    const queue = `${randomUUID()}.${exchange}`;
    const place = {
      all: `${this.#prefix}celeriac:boxes`,
      bindings: this.#bindings(exchange),
      member: [routingKey, "", queue].join(SEPARATOR),
      list: this.#prefix + queue,
    };
    const box = new DirectBox(place, this.#connections, this.#watch, this.#clock);
    await box.open();
    return box;
  }

  #bindings(exchange: string): string {
    return `${this.#prefix}_kombu.binding.${exchange}`;
  }
}

interface BoxPlace {
  /** Sorted set of all boxes, by the millisecond until which they live. */
  readonly all: string;
  readonly bindings: string;
  /** What it is in the bindings. */
  readonly member: string;
  readonly list: string;
}

class DirectBox implements Listener {
  readonly #place: BoxPlace;
  readonly #connections: RedisConnections;
  readonly #watch: QueueWatch;
  readonly #clock: Clock;
  readonly #heard = new AsyncQueue<Message>();
  readonly #closing = new AbortController();
  #fetching: Promise<void> = Promise.resolve();

  constructor(place: BoxPlace, connections: RedisConnections, watch: QueueWatch, clock: Clock) {
    this.#place = place;
    this.#connections = connections;
    this.#watch = watch;
    this.#clock = clock;
  }

  async open(): Promise<void> {
    await this.#renew();
    this.#connections.closed.addEventListener("abort", this.#end);
    this.#fetching = this.#fetchAll();
  }

  [Symbol.asyncIterator](): AsyncIterator<Message, undefined> {
    return this.#heard[Symbol.asyncIterator]();
  }

  /** Where Redis is away, the box goes by itself. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#connections.closed.removeEventListener("abort", this.#end);
    this.#end();
    await this.#fetching;
    const { all } = this.#place;
    await this.#connections.commands.script(CLOSE, [all], [this.#name]).catch(() => undefined);
  }

  readonly #end = (): void => {
    this.#closing.abort();
    this.#heard.end();
  };

  get #name(): string {
    const { bindings, member, list } = this.#place;
    return JSON.stringify([bindings, member, list]);
  }

  /** Also after a Redis was emptied. */
  async #renew(): Promise<void> {
    const { all, bindings, member } = this.#place;
    await this.#connections.commands.script(OPEN, [all], [this.#name, bindings, member, BOX_MS, TABLE_MS]);
  }

  /** Never rejects: what is sent while Redis is away is lost, as to every listener. */
  async #fetchAll(): Promise<void> {
    const { signal } = this.#closing;
    let isBound = true;
    for (let failures = 0; !signal.aborted;) {
      try {
        await this.#fetch(isBound, signal);
        failures = 0;
      } catch {
        const pauseMs = exponentialBackoff(failures++, RETRY);
        await this.#clock.sleep(pauseMs, { signal, ref: false }).catch(() => undefined); // closed
      }
      isBound = false;
    }
  }

  /** What is there; resolves once there may be more, or it is time to look. Woken and with nothing there, it may have been emptied: then it binds itself anew. */
  async #fetch(isBound: boolean, signal: AbortSignal): Promise<void> {
    const { commands } = this.#connections;
    const { list } = this.#place;
    using watch = await this.#watch.watch([list]);
    let isEmpty = true;
    for (;;) {
      const texts = (await commands.command(["RPOP", list, FETCHED_AT_ONCE])) as readonly string[] | null;
      if (texts === null) break;
      for (const text of texts) this.#hear(text);
      isEmpty = false;
    }
    if (isEmpty && !isBound) await this.#renew();
    await watch.changed(BOX_MS / 3, { signal });
  }

  /** What cannot be read is passed over: nobody waits for it. */
  #hear(text: string): void {
    const message = decodeEnvelope(text)?.message;
    if (message !== undefined && this.#heard.size < MOST_WAITING) this.#heard.push(message);
  }
}
