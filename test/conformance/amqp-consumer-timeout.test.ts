import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { Celeriac } from "celeriac";
import { Worker } from "celeriac/worker";
import { amqp } from "../../src/adapters/amqp/index.ts";
import type { Broker } from "../../src/broker/broker.ts";
import { Reader, textOf } from "../../src/testing/conformance/broker/reader.ts";
import { toQueue } from "../../src/testing/conformance/broker/stage.ts";
import { systemClock as clock } from "../../src/util/clock.ts";
import { silentLogger, type Logger } from "../../src/util/logger.ts";
import { eventually } from "../support/eventually.ts";
import { FaultyProxy } from "../support/faulty-proxy.ts";
import { RabbitServer } from "../support/rabbitmq.ts";
import { recordingLogger } from "../support/recording-logger.ts";
import { it } from "../support/with-own-rabbitmq.ts";

const START_MS = 60_000;
/** What this server allows, and looks after each half second. */
const CONSUMER_TIMEOUT_MS = 4_000;
const LONG_MS = 2 * CONSUMER_TIMEOUT_MS;

const TAKEN_BACK = "RabbitMQ took messages back: they were held longer than its consumer_timeout";

let server: RabbitServer;
beforeAll(async () => {
  server = await RabbitServer.start({ consumer_timeout: CONSUMER_TIMEOUT_MS, channel_tick_interval: 500 });
}, START_MS);
afterAll(() => server[Symbol.asyncDispose]());

describe.each(["classic", "quorum"] as const)("of a %s queue", { concurrent: true, timeout: 30_000 }, (queueType) => {
  interface Opening {
    readonly port?: number;
    readonly consumerTimeoutMs?: number | undefined;
    readonly log?: Logger;
  }

  function open({ port, consumerTimeoutMs = CONSUMER_TIMEOUT_MS, log = silentLogger }: Opening = {}): Broker {
    const { createBroker } = amqp({ url: `amqp://127.0.0.1:${port ?? server.port}`, queueType, consumerTimeoutMs });
    if (createBroker === undefined) throw new Error("RabbitMQ is a broker.");
    return createBroker({ clock, log });
  }

  async function declared(broker: Broker): Promise<string> {
    const queue = `queue-${randomUUID()}`;
    await broker.declare({ queues: [{ name: queue }] });
    return queue;
  }

  it("a message that is held for long stays with its consumer, whose prefetch holds, until it is acknowledged", async () => {
    await using broker = open();
    const queue = await declared(broker);
    await broker.publish(["long", "longer", "third", "fourth"].map((text) => toQueue(queue, text)));
    await using consumer = broker.consume([queue], { prefetch: 2 });
    const reader = new Reader(consumer, clock);
    const [long, longer] = [await reader.next(), await reader.next()];
    await reader.expectSilence(LONG_MS);
    expect([long.isLost, longer.isLost]).toEqual([false, false]);
    await longer.ack();
    expect(await reader.texts(2)).toEqual(["third", "fourth"]);
    await long.ack();
    await reader.expectSilence(500);
    expect((await broker.inspect(queue))?.ready).toBe(0);
  });

  it("it is settled in every way like any other", async () => {
    await using broker = open();
    const [queue, next] = [await declared(broker), await declared(broker)];
    await using consumer = broker.consume([queue, next], { prefetch: 10 });
    const reader = new Reader(consumer, clock);
    await broker.publish(["requeued", "handed back", "deferred", "dead"].map((text) => toQueue(queue, text)));
    const [requeued, handedBack, deferred, dead] = await reader.take(4);
    await clock.sleep(LONG_MS);
    await requeued?.requeue({ code: "again", detail: "Once more." });
    await handedBack?.handBack();
    await deferred?.defer(new Date(Date.now() + 300));
    await dead?.deadLetter({ code: "poison", detail: queue });
    const again = await reader.take(3);
    expect(again.map(textOf).sort()).toEqual(["deferred", "handed back", "requeued"]);
    expect(Object.fromEntries(again.map((each) => [textOf(each), each.deliveries]))).toEqual({
      ...{ requeued: 2, "handed back": 1, deferred: 1 },
    });
    expect((await broker.deadLetters({ queue })).map(({ deliveries }) => deliveries)).toEqual([1]);
    await Promise.all(again.map((each) => each.ack()));
  });

  it("it goes home when its consumer is cut off", async () => {
    await using proxy = await FaultyProxy.before(server.port);
    await using broker = open({ port: proxy.port });
    await using other = open();
    const queue = await declared(broker);
    await broker.publish([toQueue(queue, "long")]);
    await using consumer = broker.consume([queue], { prefetch: 1 });
    const held = await new Reader(consumer, clock).next();
    await clock.sleep(LONG_MS);
    expect(held.isLost).toBe(false);
    proxy.set("refuse");
    proxy.reset();
    await using heir = other.consume([queue], { prefetch: 1 });
    const again = await new Reader(heir, clock).next();
    expect([textOf(again), again.deliveries]).toEqual(["long", 2]);
    await eventually(() => expect(held.isLost).toBe(true), { timeoutMs: 10_000 });
    await again.deadLetter({ code: "poison", detail: queue });
    const [dead] = await other.deadLetters({ queue });
    expect(dead?.history.map(({ code }) => code)).toEqual(["lease-lost"]);
  });

  it("who was not told how long that may be learns it by the first loss", async () => {
    const { log, lines } = recordingLogger();
    await using broker = open({ consumerTimeoutMs: 1_800_000, log });
    const queue = await declared(broker);
    await broker.publish([toQueue(queue, "long")]);
    await using consumer = broker.consume([queue], { prefetch: 1 });
    const reader = new Reader(consumer, clock);
    const lost = await reader.next();
    await eventually(() => expect(lost.isLost).toBe(true), { timeoutMs: 10_000 });
    expect(lines.filter(({ message }) => message === TAKEN_BACK)).toHaveLength(1);
    const kept = await reader.next();
    await clock.sleep(LONG_MS);
    expect([kept.isLost, kept.deliveries]).toEqual([false, 2]);
    await kept.ack();
    await reader.expectSilence(500);
  });

  it("a task of many times that runs once, and one that is due later too", async () => {
    const { log, lines } = recordingLogger();
    const url = `amqp://127.0.0.1:${server.port}`;
    const broker = amqp({ url, queueType, consumerTimeoutMs: CONSUMER_TIMEOUT_MS });
    const taskDefaultQueue = randomUUID();
    await using app = new Celeriac({ broker, resultBackend: "memory://", taskDefaultQueue }, { env: {}, log });
    const runs: string[] = [];
    const long = app.task("long", async (id: string): Promise<string> => {
      runs.push(id);
      await clock.sleep(LONG_MS);
      return id;
    });
    await using worker = new Worker(app, { concurrency: 2 });
    await worker.start();
    const now = await long.delay("now");
    const later = await long.applyAsync({ args: ["later"], countdownMs: 2 * CONSUMER_TIMEOUT_MS });
    expect(await Promise.all([now, later].map((result) => result.get({ timeoutMs: 25_000 })))).toEqual([
      "now",
      "later",
    ]);
    expect(runs).toEqual(["now", "later"]);
    expect(lines.filter(({ level }) => level === "error" || level === "warn")).toEqual([]);
  });
});

it(
  "takes again what was kept, and taken back because the server let no copy through",
  { timeout: 60_000 },
  async () => {
    const { createBroker } = amqp({ url: `amqp://127.0.0.1:${server.port}`, consumerTimeoutMs: CONSUMER_TIMEOUT_MS });
    await using broker = createBroker?.({ clock, log: silentLogger }) as Broker;
    const queue = `queue-${randomUUID()}`;
    await broker.declare({ queues: [{ name: queue }] });
    await broker.publish([toQueue(queue, "long")]);
    await using consumer = broker.consume([queue], { prefetch: 1 });
    const reader = new Reader(consumer, clock);
    const held = await reader.next();
    await clock.sleep(LONG_MS);
    expect(held.isLost).toBe(false);
    await server.setMemoryAlarm(true);
    await eventually(() => expect(held.isLost).toBe(true), { timeoutMs: 20_000 });
    await server.setMemoryAlarm(false);
    const again = await reader.next();
    expect([textOf(again), again.deliveries]).toEqual(["long", 2]);
    await again.ack();
  },
);
