import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect } from "vitest";
import type { Command } from "../../src/adapters/redis/connections/redis-link.ts";
import type { SupervisedConnections } from "../../src/adapters/redis/connections/supervised-connections.ts";
import { decodeEnvelope } from "../../src/adapters/redis/envelope.ts";
import { RedisBroadcaster } from "../../src/adapters/redis/redis-broadcaster.ts";
import { message } from "../../src/testing/conformance/broker/stage.ts";
import { exerciseBroadcaster } from "../../src/testing/conformance/exercise-broadcaster.ts";
import { systemClock as clock } from "../../src/util/clock.ts";
import { eventually } from "../support/eventually.ts";
import { redisConnections } from "../support/redis-connections.ts";
import { RedisServer } from "../support/redis.ts";
import { describe, it } from "../support/with-redis.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(() => server[Symbol.asyncDispose]());

exerciseBroadcaster("redis", {
  test: it.concurrent,
  open: async () => {
    const all: SupervisedConnections[] = [];
    const open = (): RedisBroadcaster => {
      const connections = redisConnections(server.url);
      all.push(connections);
      return new RedisBroadcaster({ connections, keyPrefix: "shop:", db: 0, clock });
    };
    return {
      broadcaster: open(),
      second: async () => open(),
      dispose: async () => {
        for (const connections of all) await connections[Symbol.asyncDispose]();
      },
    };
  },
});

it("speaks on Kombu's channels, and lets nobody listen in vain once it is disposed of", async () => {
  const connections = redisConnections(server.url);
  const broadcaster = new RedisBroadcaster({ connections, keyPrefix: "shop:", db: 3, clock });
  const listener = await broadcaster.listen({ name: "celeryev", type: "topic" }, { pattern: "worker.#" });
  const heard: string[] = [];
  await using others = redisConnections(server.url);
  await others.subscriber.psubscribe(["*"], { onMessage: (_, channel) => heard.push(channel) });
  await broadcaster.broadcast(message("1"), { name: "celery.pidbox", type: "fanout" });
  await broadcaster.broadcast(message("2"), { name: "celeryev", type: "topic" }, "worker.heartbeat");
  await eventually(() => expect(heard).toEqual(["shop:/3.celery.pidbox", "shop:/3.celeryev/worker.heartbeat"]));
  const iterator = listener[Symbol.asyncIterator]();
  expect(Buffer.from(((await iterator.next()).value as { body: Uint8Array }).body).toString()).toBe("2");
  const next = iterator.next();
  await connections[Symbol.asyncDispose]();
  expect(await next).toEqual({ done: true, value: undefined });
});

it("a listener hears again after the connection was lost", async () => {
  await using connections = redisConnections(server.url);
  await using others = redisConnections(server.url);
  const exchange = { name: "lost", type: "fanout" } as const;
  const broadcaster = new RedisBroadcaster({ connections, keyPrefix: "", db: 0, clock });
  await using listener = await broadcaster.listen(exchange);
  const before = await connections.subscriber.clientId();
  await others.commands.command(["CLIENT", "KILL", "ID", before]);
  await eventually(async () => expect(await connections.subscriber.clientId()).not.toBe(before));
  await broadcaster.broadcast(message("again"), exchange);
  expect(await listener[Symbol.asyncIterator]().next()).toMatchObject({ done: false });
});

describe("a direct exchange, whose messages are in lists as Kombu's are", () => {
  const exchange = { name: "reply.celery.pidbox", type: "direct" } as const;

  it("leaves nothing of a listener that has ended, nor of what comes for it afterwards", async () => {
    await using scene = await BoxScene.open();
    const listener = await scene.broadcaster.listen(exchange, { pattern: "oid" });
    await scene.broadcaster.broadcast(message("1"), exchange, "oid");
    await scene.broadcaster.broadcast(message("2"), exchange, "oid");
    await listener[Symbol.asyncDispose]();
    await scene.broadcaster.broadcast(message("late"), exchange, "oid");
    expect(await scene.keys()).toEqual([]);
  });

  it("keeps nothing for longer than a minute for those who were killed, and the next listener takes their place away", async () => {
    await using scene = await BoxScene.open();
    const dead = redisConnections(server.url);
    await scene.on(dead).listen(exchange, { pattern: "dead" });
    await dead[Symbol.asyncDispose]();
    await scene.broadcaster.broadcast(message("in vain"), exchange, "dead");
    const [list = ""] = (await scene.keys()).filter((key) => key.endsWith(exchange.name) && !key.includes("_kombu"));
    expect(await scene.ask("PTTL", list)).toSatisfy((ms: number) => ms > 0 && ms <= 60_000);
    const [box = ""] = (await scene.ask("ZRANGE", `${scene.prefix}celeriac:boxes`, 0, -1)) as readonly string[];
    await scene.ask("ZADD", `${scene.prefix}celeriac:boxes`, Date.now() - 1, box);
    await (await scene.broadcaster.listen(exchange, { pattern: "next" }))[Symbol.asyncDispose]();
    expect(await scene.keys()).toEqual([]);
  });

  it("holds the last 10,000 messages for who does not fetch them", async () => {
    await using scene = await BoxScene.open();
    const binding = ["SADD", `${scene.prefix}_kombu.binding.${exchange.name}`, "oid\x06\x16\x06\x16slow"] as const;
    await scene.ask(...binding);
    for (let n = 0; n < 10_050; n += 50) {
      const some = Array.from({ length: 50 }, (_, index) => message(String(n + index)));
      await Promise.all(some.map((one) => scene.broadcaster.broadcast(one, exchange, "oid")));
    }
    expect(await scene.ask("LLEN", `${scene.prefix}slow`)).toBe(10_000);
    const [oldest = ""] = (await scene.ask("LRANGE", `${scene.prefix}slow`, -1, -1)) as readonly string[];
    expect(Buffer.from(decodeEnvelope(oldest)?.message.body ?? []).toString()).toBe("50");
  });

  it("ends a listener with its connections", async () => {
    const connections = redisConnections(server.url);
    const broadcaster = new RedisBroadcaster({ connections, keyPrefix: `${randomUUID()}:`, db: 0, clock });
    const listener = await broadcaster.listen(exchange, { pattern: "oid" });
    const next = listener[Symbol.asyncIterator]().next();
    await connections[Symbol.asyncDispose]();
    expect(await next).toEqual({ done: true, value: undefined });
    await listener[Symbol.asyncDispose]();
  });

  it("passes over an envelope that nobody can have meant, and gives what is behind it", async () => {
    await using scene = await BoxScene.open();
    await using listener = await scene.broadcaster.listen(exchange, { pattern: "oid" });
    const [list = ""] = (await scene.bindings()).map((member) => member.split("\x06\x16")[2] ?? "");
    const odd = { body: "", properties: { delivery_tag: "t", expiration: { toString: 1, valueOf: 1 } } };
    await scene.ask("LPUSH", scene.prefix + list, JSON.stringify(odd), "no JSON", '"text"');
    await scene.broadcaster.broadcast(message("good"), exchange, "oid");
    const bodies: string[] = [];
    for await (const { body } of listener) {
      bodies.push(Buffer.from(body).toString());
      if (bodies.includes("good")) break;
    }
    expect(bodies.at(-1)).toBe("good");
  });

  it("is heard again after the Redis was emptied and its connections were lost", async () => {
    await using scene = await BoxScene.open();
    await using listener = await scene.broadcaster.listen(exchange, { pattern: "oid" });
    await scene.ask("FLUSHALL");
    await scene.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await scene.ask("CLIENT", "KILL", "TYPE", "pubsub");
    const iterator = listener[Symbol.asyncIterator]();
    const heard = iterator.next();
    await eventually(async () => {
      await scene.broadcaster.broadcast(message("again"), exchange, "oid");
      expect(await Promise.race([heard, Promise.resolve("nothing yet")])).toMatchObject({ done: false });
    });
  });
});

class BoxScene implements AsyncDisposable {
  readonly prefix = `${randomUUID()}:`;
  readonly #own = redisConnections(server.url);
  readonly #direct = redisConnections(server.url);
  readonly broadcaster = this.on(this.#own);

  static async open(): Promise<BoxScene> {
    const scene = new BoxScene();
    await scene.#direct.open();
    return scene;
  }

  on(connections: SupervisedConnections): RedisBroadcaster {
    return new RedisBroadcaster({ connections, keyPrefix: this.prefix, db: 0, clock });
  }

  ask(...command: Command): Promise<unknown> {
    return this.#direct.commands.command(command);
  }

  async bindings(): Promise<readonly string[]> {
    return (await this.ask("SMEMBERS", `${this.prefix}_kombu.binding.reply.celery.pidbox`)) as readonly string[];
  }

  async keys(): Promise<readonly string[]> {
    return (await this.ask("KEYS", `${this.prefix}*`)) as readonly string[];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#own[Symbol.asyncDispose]();
    await this.#direct[Symbol.asyncDispose]();
  }
}
