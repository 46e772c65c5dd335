import { afterAll, beforeAll, expect } from "vitest";
import { Celeriac } from "../../src/index.ts";
import { Worker } from "../../src/worker/index.ts";
import { eventually } from "../support/eventually.ts";
import { RedisServer } from "../support/redis.ts";
import { openConnections } from "../support/redis-stores.ts";
import { describe, it } from "../support/with-redis.ts";

let server: RedisServer;

beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(() => server[Symbol.asyncDispose]());

describe("transport options of Redises that are given as URLs", () => {
  it("put a prefix before every key, that of results with its separator", async () => {
    await using app = new Celeriac(
      {
        name: "prefixed",
        broker: server.url,
        resultBackend: server.url,
        brokerTransportOptions: { globalKeyprefix: "shop." },
        resultBackendTransportOptions: { globalKeyprefix: "results" },
      },
      { env: {} },
    );
    const add = app.task("add", (a: number, b: number) => a + b);
    await using worker = new Worker(app);
    await worker.start();
    const result = await add.delay(1, 2);
    expect(await result.get({ timeoutMs: 10_000 })).toBe(3);

    await using connections = openConnections(server.url);
    const keys = (await connections.commands.command(["KEYS", "*"])) as readonly string[];
    expect(keys).toContain(`results_celery-task-meta-${result.id}`);
    expect(keys.filter((key) => !key.startsWith("shop.") && !key.startsWith("results_"))).toEqual([]);
    expect(keys).toContain("shop.celeriac:fence");
  });

  it("tell after how long Python's workers are taken for dead", async () => {
    await using app = new Celeriac(
      { name: "impatient", broker: server.url, brokerTransportOptions: { visibilityTimeout: 60 } },
      { env: {} },
    );
    await app.task("left", () => undefined).delay();
    await using connections = openConnections(server.url);
    const { commands } = connections;
    const envelope = String(await commands.command(["RPOP", "celery"]));
    for (const [tag, ageS] of [
      ["young", 50],
      ["old", 70],
    ] as const) {
      await commands.command(["HSET", "unacked", tag, `[${envelope}, "", "celery"]`]);
      await commands.command(["ZADD", "unacked_index", Date.now() / 1_000 - ageS, tag]);
    }
    await using worker = new Worker(app);
    await worker.start();
    await eventually(async () => expect(await commands.command(["HKEYS", "unacked"])).toEqual(["young"]));
  });
});
