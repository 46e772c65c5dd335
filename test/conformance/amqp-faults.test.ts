import { randomUUID } from "node:crypto";
import { connect } from "amqplib";
import { afterAll, beforeAll, expect } from "vitest";
import { amqp } from "../../src/adapters/amqp/index.ts";
import type { Broker } from "../../src/broker/broker.ts";
import { UnroutableError } from "../../src/broker/errors.ts";
import { Reader } from "../../src/testing/conformance/broker/reader.ts";
import { toQueue } from "../../src/testing/conformance/broker/stage.ts";
import { systemClock as clock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { eventually } from "../support/eventually.ts";
import { FaultyProxy } from "../support/faulty-proxy.ts";
import { RabbitServer } from "../support/rabbitmq.ts";
import { it } from "../support/with-own-rabbitmq.ts";

const TIMEOUT_MS = 60_000;

let server: RabbitServer;
beforeAll(async () => {
  server = await RabbitServer.start();
}, TIMEOUT_MS);
afterAll(() => server[Symbol.asyncDispose]());

function open(port = server.port, others = ""): Broker {
  const { createBroker } = amqp({ url: `amqp://127.0.0.1:${port}${others}`, heartbeatMs: 1_000 });
  if (createBroker === undefined) throw new Error("RabbitMQ is a broker.");
  return createBroker({ clock, log });
}

/** Publishes numbers until it is told to end, each again and again until it is confirmed, and takes what comes. */
function keepBusy(
  broker: Broker,
  queue: string,
): { readonly end: () => Promise<number>; readonly seen: Map<string, number> } {
  const seen = new Map<string, number>();
  const consumer = broker.consume([queue], { prefetch: 10 });
  const consume = async (): Promise<void> => {
    for await (const delivery of consumer) {
      const text = Buffer.from(delivery.message.body).toString();
      seen.set(text, (seen.get(text) ?? 0) + 1);
      await delivery.ack().catch(() => undefined); // lost: it comes again
    }
  };
  let isOver = false;
  const send = async (): Promise<number> => {
    let next = 0;
    while (!isOver) {
      const publish = (): Promise<unknown> => broker.publish([toQueue(queue, String(next))]);
      await eventually(publish, { timeoutMs: TIMEOUT_MS, pauseMs: 20 });
      next += 1;
      await clock.sleep(2);
    }
    return next;
  };
  const [consuming, sending] = [consume(), send()];
  const end = async (): Promise<number> => {
    isOver = true;
    const sent = await sending;
    await eventually(() => expect(seen.size).toBe(sent), { timeoutMs: 10_000, pauseMs: 20 });
    await consumer[Symbol.asyncDispose]();
    await consuming;
    return sent;
  };
  return { end, seen };
}

async function declared(broker: Broker): Promise<string> {
  const queue = `queue-${randomUUID()}`;
  await broker.declare({ queues: [{ name: queue }] });
  return queue;
}

/** Something new gets through, both ways. */
async function expectWork(seen: ReadonlyMap<string, number>): Promise<void> {
  const { size } = seen;
  await eventually(() => expect(seen.size).toBeGreaterThan(size + 5), { timeoutMs: 10_000, pauseMs: 20 });
}

it(
  "goes on within ten seconds of a restart of the server, and loses nothing that was confirmed",
  { timeout: TIMEOUT_MS },
  async () => {
    await using broker = open();
    const work = keepBusy(broker, await declared(broker));
    await expectWork(work.seen);
    await server.restart();
    await expectWork(work.seen);
    await work.end();
  },
);

it("goes on after the server was killed, and loses nothing that was confirmed", { timeout: TIMEOUT_MS }, async () => {
  await using broker = open();
  const work = keepBusy(broker, await declared(broker));
  await expectWork(work.seen);
  await server.kill();
  await server.start();
  await expectWork(work.seen);
  await work.end();
});

it("goes on after all connections were reset", { timeout: TIMEOUT_MS }, async () => {
  await using proxy = await FaultyProxy.before(server.port);
  await using broker = open(proxy.port);
  const work = keepBusy(broker, await declared(broker));
  for (let resets = 0; resets < 5; resets += 1) {
    await expectWork(work.seen);
    proxy.reset();
  }
  await expectWork(work.seen);
  await work.end();
});

it("notices a network that lets nothing through, and goes on when it does", { timeout: TIMEOUT_MS }, async () => {
  await using proxy = await FaultyProxy.before(server.port);
  await using broker = open(proxy.port);
  const work = keepBusy(broker, await declared(broker));
  await expectWork(work.seen);
  proxy.set("stall");
  await eventually(() => expect(broker.state).toBe("lost"), { timeoutMs: 10_000, pauseMs: 20 });
  proxy.set("none");
  await expectWork(work.seen);
  await work.end();
});

it("goes on when a frozen server thaws", { timeout: TIMEOUT_MS }, async () => {
  await using broker = open();
  const work = keepBusy(broker, await declared(broker));
  await expectWork(work.seen);
  server.freeze();
  await clock.sleep(4_000);
  server.thaw();
  await expectWork(work.seen);
  await work.end();
});

it("takes as many as before once what it held was lost", { timeout: TIMEOUT_MS }, async () => {
  await using proxy = await FaultyProxy.before(server.port);
  await using broker = open(proxy.port);
  const queue = await declared(broker);
  await using consumer = broker.consume([queue], { prefetch: 1 });
  const reader = new Reader(consumer, clock);
  await broker.publish([toQueue(queue, "held"), toQueue(queue, "next")]);
  const held = await reader.next();
  proxy.reset();
  await eventually(() => expect(held.isLost).toBe(true), { timeoutMs: 10_000 });
  const texts: string[] = [];
  for (let count = 0; count < 2; count += 1) {
    const delivery = await reader.next();
    texts.push(Buffer.from(delivery.message.body).toString());
    await delivery.ack();
  }
  expect(texts.sort()).toEqual(["held", "next"]);
});

it("makes a queue again that was deleted under its consumer", { timeout: TIMEOUT_MS }, async () => {
  await using broker = open();
  await using other = open();
  const queue = await declared(broker);
  await using consumer = broker.consume([queue], { prefetch: 1 });
  const reader = new Reader(consumer, clock);
  await broker.publish([toQueue(queue, "before")]);
  expect(await reader.text()).toBe("before");
  expect(await other.remove(queue)).toBe(true);
  await eventually(() => broker.publish([toQueue(queue, "after")]), { timeoutMs: 10_000, pauseMs: 20 });
  expect(await reader.text()).toBe("after");
});

it(
  "declares again what was deleted while it was away, and uses the next node of its list",
  { timeout: TIMEOUT_MS },
  async () => {
    await using proxy = await FaultyProxy.before(server.port);
    await using next = await FaultyProxy.before(server.port);
    next.set("refuse");
    await using broker = open(proxy.port, `;127.0.0.1:${next.port}`);
    await using other = open();
    const name = `exchange-${randomUUID()}`;
    const queue = `queue-${randomUUID()}`;
    await broker.declare({
      exchanges: [{ name, type: "direct" }],
      queues: [{ name: queue }],
      bindings: [{ exchange: name, queue, routingKey: "key" }],
    });
    proxy.set("refuse");
    expect(await other.remove(queue)).toBe(true);
    next.set("none");
    const { message } = toQueue(queue, "through");
    const publish = (): Promise<unknown> => broker.publish([{ message, route: { exchange: name, routingKey: "key" } }]);
    await eventually(publish, { timeoutMs: 10_000, pauseMs: 20 });
    expect((await other.inspect(queue))?.ready).toBe(1);
  },
);

it(
  "goes on with the node of its list that answers, whichever fail from the beginning or later",
  { timeout: TIMEOUT_MS },
  async () => {
    await using first = await FaultyProxy.before(server.port);
    await using second = await FaultyProxy.before(server.port);
    await using third = await FaultyProxy.before(server.port);
    first.set("refuse");
    second.set("refuse");
    await using broker = open(first.port, `;127.0.0.1:${second.port};127.0.0.1:${third.port}`);
    const work = keepBusy(broker, await declared(broker));
    await expectWork(work.seen);
    first.set("none");
    third.set("refuse");
    await expectWork(work.seen);
    second.set("none");
    first.set("refuse");
    await expectWork(work.seen);
    await work.end();
  },
);

it(
  "tells of an exchange that somebody has deleted, and declares it again when it is back",
  { timeout: TIMEOUT_MS },
  async () => {
    await using proxy = await FaultyProxy.before(server.port);
    await using broker = open(proxy.port);
    const name = `exchange-${randomUUID()}`;
    const queue = `queue-${randomUUID()}`;
    await broker.declare({
      exchanges: [{ name, type: "direct" }],
      queues: [{ name: queue }],
      bindings: [{ exchange: name, queue, routingKey: "key" }],
    });
    const { message } = toQueue(queue, "sent");
    const route = { exchange: name, routingKey: "key" };
    const send = (): Promise<unknown> => broker.publish([{ message, route }]);
    const other = await connect(`amqp://127.0.0.1:${server.port}`);
    const channel = await other.createChannel();
    const ready = async (): Promise<number> => (await channel.checkQueue(queue)).messageCount;

    await send();
    await channel.deleteExchange(name);
    for (let count = 0; count < 3; count += 1) {
      await expect(send()).rejects.toThrow(UnroutableError);
      await expect(
        broker.publish([
          { message, route, delayMs: 300 },
          { message, route },
        ]),
      ).rejects.toThrow(UnroutableError);
    }
    proxy.reset();
    await eventually(send, { timeoutMs: 10_000, pauseMs: 20 });
    expect(await ready()).toBe(2);

    proxy.set("refuse");
    await channel.deleteExchange(name);
    proxy.set("none");
    await eventually(send, { timeoutMs: 10_000, pauseMs: 20 });
    expect(await ready()).toBe(3);
    await other.close();
  },
);
