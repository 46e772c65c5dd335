import { afterAll, beforeAll, expect } from "vitest";
import type { SupervisedConnections } from "../../src/adapters/redis/connections/supervised-connections.ts";
import { RedisBroadcaster } from "../../src/adapters/redis/redis-broadcaster.ts";
import { message } from "../../src/testing/conformance/broker/stage.ts";
import { exerciseBroadcaster } from "../../src/testing/conformance/exercise-broadcaster.ts";
import { eventually } from "../support/eventually.ts";
import { redisConnections } from "../support/redis-connections.ts";
import { RedisServer } from "../support/redis.ts";
import { it } from "../support/with-redis.ts";

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
      return new RedisBroadcaster({ connections, keyPrefix: "shop:", db: 0 });
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
  const broadcaster = new RedisBroadcaster({ connections, keyPrefix: "shop:", db: 3 });
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
  const broadcaster = new RedisBroadcaster({ connections, keyPrefix: "", db: 0 });
  await using listener = await broadcaster.listen(exchange);
  const before = await connections.subscriber.clientId();
  await others.commands.command(["CLIENT", "KILL", "ID", before]);
  await eventually(async () => expect(await connections.subscriber.clientId()).not.toBe(before));
  await broadcaster.broadcast(message("again"), exchange);
  expect(await listener[Symbol.asyncIterator]().next()).toMatchObject({ done: false });
});
