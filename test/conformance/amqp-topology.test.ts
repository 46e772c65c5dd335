import { randomUUID } from "node:crypto";
import { connect } from "amqplib";
import { expect } from "vitest";
import { amqp, type AmqpOptions } from "../../src/adapters/amqp/index.ts";
import type { Broker } from "../../src/broker/broker.ts";
import { Reader } from "../../src/testing/conformance/broker/reader.ts";
import { toQueue } from "../../src/testing/conformance/broker/stage.ts";
import { systemClock as clock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { vhostOfFile } from "../support/rabbitmq-of-file.ts";
import { eventually } from "../support/eventually.ts";
import { it } from "../support/with-rabbitmq.ts";

async function open(options: Omit<AmqpOptions, "url"> = {}): Promise<Broker> {
  const { createBroker } = amqp({ url: (await vhostOfFile()).url, ...options });
  if (createBroker === undefined) throw new Error("RabbitMQ is a broker.");
  return createBroker({ clock, log });
}

/** As another program declares it, with arguments of its own. */
async function declareElsewhere(name: string, args: Readonly<Record<string, unknown>>): Promise<void> {
  const connection = await connect((await vhostOfFile()).url);
  const channel = await connection.createChannel();
  await channel.assertQueue(name, { durable: true, arguments: args });
  await channel.close();
  await connection.close();
}

it("declares a queue as Celery does: durable, and with no arguments", async () => {
  await using broker = await open();
  const name = `queue-${randomUUID()}`;
  await broker.declare({ queues: [{ name }] });
  expect(await (await vhostOfFile()).queue(name)).toMatchObject({ durable: true, auto_delete: false, arguments: {} });
});

it("takes a queue as it is that others declared with arguments, and works with it", async () => {
  for (const args of [{ "x-max-priority": 10 }, { "x-queue-type": "quorum" }, { "x-message-ttl": 60_000 }]) {
    await using broker = await open();
    const name = `queue-${randomUUID()}`;
    await declareElsewhere(name, args);
    await broker.declare({ queues: [{ name }] });
    await broker.publish([toQueue(name, "x")]);
    await using consumer = broker.consume([name], { prefetch: 2 });
    expect(await new Reader(consumer, clock).text()).toBe("x");
  }
});

it("tells both sides where a queue contradicts what was asked for", async () => {
  await using broker = await open({ maxPriority: 5 });
  const name = `queue-${randomUUID()}`;
  await declareElsewhere(name, { "x-max-priority": 10 });
  const declared = broker.declare({ queues: [{ name }] });
  await expect(declared).rejects.toMatchObject({ code: "CELERIAC_TOPOLOGY_MISMATCH" });
  await expect(declared).rejects.toThrow(/x-max-priority: .*'10'.*x-max-priority: .*'5'/);
});

it("shows among its dead letters what RabbitMQ itself has dead-lettered", async () => {
  const deadLetterQueue = `dead-${randomUUID()}`;
  await using broker = await open({ deadLetterQueue });
  const name = `queue-${randomUUID()}`;
  await broker.deadLetters(); // makes their queue
  await declareElsewhere(name, {
    "x-message-ttl": 50,
    "x-dead-letter-exchange": "",
    "x-dead-letter-routing-key": deadLetterQueue,
  });
  await broker.publish([toQueue(name, "late")]);
  const [letter] = await eventually(async () => {
    const letters = await broker.deadLetters({ queue: name });
    expect(letters).toHaveLength(1);
    return letters;
  });
  expect(letter).toMatchObject({ queue: name, reason: { code: "expired" } });
  expect(await broker.drop({ ids: [letter?.id ?? ""] })).toBe(1);
});

it("keeps a queue's messages from one whose name ends in the same word, delayed ones too", async () => {
  await using broker = await open();
  const short = `q${randomUUID()}`;
  const names = [short, `a.${short}`];
  await broker.declare({ queues: names.map((name) => ({ name })) });
  for (const name of names) await broker.publish([toQueue(name, name, { delayMs: 100 })]);
  for (const name of names) {
    await using consumer = broker.consume([name], { prefetch: 5 });
    const reader = new Reader(consumer, clock);
    expect(await reader.text()).toBe(name);
    await reader.expectSilence(200);
  }
});

it("keeps delayed messages from the queues that Celery has bound to the same routing key", async () => {
  await using broker = await open();
  const [own, theirs] = [`q${randomUUID()}`, `theirs-${randomUUID()}`];
  await broker.declare({ queues: [{ name: own }, { name: theirs }] });
  await broker.publish([toQueue(own, "before", { delayMs: 100 })]);
  const connection = await connect((await vhostOfFile()).url);
  await (await connection.createChannel()).bindQueue(theirs, "celery_delayed_delivery", `#.${own}`);
  await connection.close();
  await broker.publish([toQueue(own, "after", { delayMs: 100 })]);
  await using consumer = broker.consume([own, theirs], { prefetch: 5 });
  const reader = new Reader(consumer, clock);
  expect(await reader.texts(2)).toEqual(["before", "after"]);
  await reader.expectSilence(300);
});

it("hands out what has expired, as long as RabbitMQ is not told by another program when", async () => {
  await using broker = await open();
  const name = `queue-${randomUUID()}`;
  await broker.declare({ queues: [{ name }] });
  const { message, ...rest } = toQueue(name, "ours");
  await broker.publish([{ ...rest, message: { ...message, properties: { ...message.properties, expirationMs: 50 } } }]);
  await clock.sleep(100);
  await using consumer = broker.consume([name], { prefetch: 2 });
  const reader = new Reader(consumer, clock);
  const ours = await reader.next();
  const connection = await connect((await vhostOfFile()).url);
  const channel = await connection.createConfirmChannel();
  channel.sendToQueue(name, Buffer.from("theirs, held before"), { expiration: 1_000 });
  await channel.waitForConfirms();
  const held = [ours, await reader.next()];
  expect(held.map((delivery) => delivery.message.properties.expirationMs)).toEqual([50, 1_000]);
  await Promise.all(held.map((delivery) => delivery.requeue()));
  consumer.pause(name);
  await clock.sleep(1_200);
  consumer.resume(name);
  expect((await reader.texts(2)).toSorted()).toEqual(["ours", "theirs, held before"]);
  await connection.close();
});
