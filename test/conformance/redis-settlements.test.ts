import { afterAll, beforeAll, expect } from "vitest";
import type { Delivery } from "../../src/broker/broker.ts";
import { QueuedBroker } from "../../src/broker/queued/queued-broker.ts";
import { Reader } from "../../src/testing/conformance/broker/reader.ts";
import { toQueue } from "../../src/testing/conformance/broker/stage.ts";
import { systemClock as clock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { eventually } from "../support/eventually.ts";
import { FaultyProxy } from "../support/faulty-proxy.ts";
import { RedisServer } from "../support/redis.ts";
import { openConnections, openRedisStore } from "../support/redis-stores.ts";
import { describe, it } from "../support/with-redis.ts";

let server: RedisServer;

beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(() => server[Symbol.asyncDispose]());

/** Those that are made in one round trip: where something is read first, its answer would be lost. */
const SETTLEMENTS: Readonly<Record<string, (delivery: Delivery) => Promise<void>>> = {
  "an acknowledgement": (delivery) => delivery.ack(),
  "a hand-back": (delivery) => delivery.handBack(),
  "a deferral": (delivery) => delivery.defer(new Date(Date.now() + 60_000)),
};

describe("a settlement whose answer is lost with its connection", () => {
  it.each(Object.entries(SETTLEMENTS))("is made once, and is no lost delivery: %s", async (name, settle) => {
    const queue = name.replaceAll(" ", "-");
    await using connections = openConnections(server.url);
    await using proxy = await FaultyProxy.before(server.port);
    const store = openRedisStore({ url: `redis://127.0.0.1:${proxy.port}` });
    await using broker = new QueuedBroker({ store, clock, log });
    await broker.declare({ queues: [{ name: queue }] });
    await broker.publish([toQueue(queue, "x")]);
    const consumer = broker.consume([queue], { prefetch: 1 });
    const [delivery] = await new Reader(consumer, clock).take(1);
    if (delivery === undefined) throw new Error("nothing came");
    await consumer.stop();

    proxy.set("mute");
    const settled = settle(delivery);
    const leases = ["ZCARD", `celeriac:leases:${queue}`] as const;
    await eventually(async () => expect(await connections.commands.command(leases)).toBe(0));
    proxy.set("none");
    proxy.reset();

    await settled;
    expect(delivery.isLost).toBe(false);
    const { ready = 0, delayed = 0, unacked } = (await broker.inspect(queue)) ?? {};
    expect([ready + delayed, unacked]).toEqual([name === "an acknowledgement" ? 0 : 1, 0]);
  });
});

it("an acknowledgement is no lost delivery where another settlement of the same batch is refused", async () => {
  await using connections = openConnections(server.url);
  await using broker = new QueuedBroker({
    store: openRedisStore({ url: server.url, keyPrefix: "refused:" }),
    clock,
    log,
  });
  await broker.declare({ queues: [{ name: "q" }] });
  await broker.publish([toQueue("q", "done"), toQueue("q", "dies")]);
  const [done, dies] = await new Reader(broker.consume(["q"], { prefetch: 2 }), clock).take(2);
  await connections.commands.command(["SET", "refused:celeriac:dead", "another program's"]);
  const buried = expect(dies?.deadLetter({ code: "rejected", detail: "" })).rejects.toThrow("WRONGTYPE");
  await done?.ack();
  await buried;
  expect(done?.isLost).toBe(false);
});
