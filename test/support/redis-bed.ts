import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import type { RedisLink } from "../../src/adapters/redis/connections/redis-link.ts";
import type { RedisStore } from "../../src/adapters/redis/store/redis-store.ts";
import type { Leased, PushItem, Settlement } from "../../src/broker/queued/message-store.ts";
import type { Message } from "../../src/message/message.ts";
import { RedisServer } from "./redis.ts";
import { openConnections, openRedisStore, type RedisStoreOptions } from "./redis-stores.ts";

export const LEASE_MS = 20_000;

export interface Text {
  readonly text: string;
  readonly priority?: number;
  readonly headers?: Message["headers"];
}

type StoreOptions = Omit<RedisStoreOptions, "url" | "keyPrefix">;

/** A server, and a connection to look into it. */
export class RedisBeds implements AsyncDisposable {
  readonly server: RedisServer;
  readonly redis: RedisLink & AsyncDisposable;

  static async start(): Promise<RedisBeds> {
    return new RedisBeds(await RedisServer.start());
  }

  private constructor(server: RedisServer) {
    this.server = server;
    this.redis = openConnections(server.url).commands;
  }

  /** A store with a key prefix and a declared queue of its own. */
  async open(options: StoreOptions = {}): Promise<RedisBed> {
    const bed = new RedisBed(this, options);
    await bed.store.open();
    await bed.store.declare({ queues: [{ name: bed.queue }] });
    return bed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.redis[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

export class RedisBed implements AsyncDisposable {
  readonly prefix: string = `${randomUUID()}:`;
  readonly queue: string = "tasks";
  readonly store: RedisStore;
  readonly #redis: RedisLink;

  constructor({ server, redis }: RedisBeds, options: StoreOptions) {
    this.#redis = redis;
    this.store = openRedisStore({ url: server.url, keyPrefix: this.prefix, ...options });
  }

  key(name: string): string {
    return `${this.prefix}${name}`;
  }

  redis(command: Parameters<RedisLink["command"]>[0]): ReturnType<RedisLink["command"]> {
    return this.#redis.command(command);
  }

  async list(step = ""): Promise<readonly string[]> {
    return (await this.redis(["LRANGE", this.key(`${this.queue}${step}`), 0, -1])) as readonly string[];
  }

  item({ text, priority, headers = {} }: Text): PushItem {
    const properties = { correlationId: text, ...(priority === undefined ? {} : { priority }) };
    const message: Message = {
      body: Buffer.from(text),
      contentType: "application/json",
      contentEncoding: "utf-8",
      headers: { id: text, ...headers },
      properties,
    };
    return { queues: [this.queue], message, delayMs: 0 };
  }

  async push(...texts: readonly Text[]): Promise<void> {
    await this.store.push(texts.map((text) => this.item(text)));
  }

  take(max: number): Promise<readonly Leased[]> {
    return this.store.take([this.queue], { max, leaseMs: LEASE_MS, waitMs: 0 });
  }

  async takeOne(): Promise<Leased> {
    const [leased] = await this.take(1);
    if (leased === undefined) throw new Error("there is nothing to take");
    return leased;
  }

  settle(settlement: Settlement): Promise<readonly string[]> {
    return this.store.settle([settlement]);
  }

  /** As if its holder had died some time ago. Returns when the lease ended, in milliseconds. */
  async expireLease(receipt: string): Promise<number> {
    const end = Date.now() - 1_000;
    await this.redis(["ZADD", this.key(`celeriac:leases:${this.queue}`), "XX", end, receipt]);
    return end;
  }

  /** What `QoS.restore_by_tag` does in kombu/transport/redis.py. */
  async restoreAsKombu(place: string): Promise<void> {
    const value = String(await this.redis(["HGET", this.key("unacked"), place]));
    const [payload, exchange, routingKey] = JSON.parse(value) as [PythonPayload, string, string];
    expect(exchange).toBe("");
    payload.headers["redelivered"] = true;
    payload.properties.delivery_info["redelivered"] = true;
    await this.#redis.transaction([
      ["ZREM", this.key("unacked_index"), place],
      ["HDEL", this.key("unacked"), place],
      ["RPUSH", this.key(routingKey), JSON.stringify(payload)],
    ]);
  }

  /** Resolves when what was begun has had time to be waiting: a round trip of its connections after another. */
  async settled(): Promise<void> {
    for (let trips = 0; trips < 20; trips += 1) await this.store.existing([]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store[Symbol.asyncDispose]();
  }
}

interface PythonPayload {
  readonly headers: Record<string, unknown>;
  readonly properties: { readonly delivery_info: Record<string, unknown> };
}

export function pythonEnvelope({
  body,
  bodyEncoding,
}: {
  readonly body: string;
  readonly bodyEncoding?: string;
}): string {
  return JSON.stringify({
    body,
    "content-encoding": "utf-8",
    "content-type": "application/json",
    headers: {},
    properties: {
      correlation_id: "c",
      delivery_mode: 2,
      delivery_info: { exchange: "", routing_key: "tasks" },
      priority: 0,
      ...(bodyEncoding === undefined ? {} : { body_encoding: bodyEncoding }),
      delivery_tag: "11111111-2222-4333-8444-555555555555",
    },
  });
}

export function bodyOf(envelope: string): string {
  return Buffer.from((JSON.parse(envelope) as { body: string }).body, "base64").toString();
}

export function textOf({ message }: { readonly message: Message }): string {
  return Buffer.from(message.body).toString();
}
