import { describe, expect, it } from "vitest";

import type { Delivery } from "../../../../src/broker/broker.ts";
import { BrokerUnavailableError, DeliveryLostError } from "../../../../src/broker/errors.ts";
import type { Leased, MessageStore, TakeOptions } from "../../../../src/broker/queued/message-store.ts";
import { QueuedBroker } from "../../../../src/broker/queued/queued-broker.ts";
import { FakeClock } from "../../../../src/testing/fake-clock.ts";
import { Reader, textOf } from "../../../../src/testing/conformance/broker/reader.ts";
import { message, toQueue } from "../../../../src/testing/conformance/broker/stage.ts";
import { systemClock } from "../../../../src/util/clock.ts";
import { deferred } from "../../../../src/util/deferred.ts";
import { CeleriacError } from "../../../../src/util/errors.ts";
import { eventually } from "../../../support/eventually.ts";
import { recordingLogger } from "../../../support/recording-logger.ts";
import { recordingStore } from "../../../support/recording-store.ts";

const LEASE_MS = 30_000;

describe("taking", () => {
  it("asks for no more than its free credit, and for nothing without credit", async () => {
    const { publish, read, takes, clock } = await setUp();
    await publish("1", "2", "3", "4", "5");
    const reader = read(3);
    const [first, second] = await reader.take(3);
    await clock.advance(20_000);
    expect(takes().map((take) => take.max)).toEqual([3]);
    await Promise.all([first?.ack(), second?.ack()]);
    await reader.take(2);
    expect(takes().map((take) => take.max)).toEqual([3, 2]);
  });

  it("takes for what is being settled already, but never more than twice its prefetch while settlements hang", async () => {
    const gate = deferred<readonly string[]>();
    const { publish, read, takes, clock } = await setUp({ settle: () => gate.promise });
    await publish("1", "2", "3", "4", "5");
    const reader = read(2);
    const settling: Promise<void>[] = [];
    for (let held = 0; held < 4; held += 2) {
      for (const delivery of await reader.take(2)) settling.push(delivery.ack());
    }
    await clock.advance(20_000);
    expect(takes().reduce((sum, { max }) => sum + max, 0)).toBe(4);
    gate.resolve([]);
    await Promise.all(settling);
    expect(await reader.text()).toBe("5");
  });

  it("takes nothing more while settlements fail for which it has asked for others already", async () => {
    let isFull = true;
    const refused = new BrokerUnavailableError("store:", "full");
    const { publish, read, takes, clock, callsOf } = await setUp({
      settle: () => (isFull ? Promise.reject(refused) : Promise.resolve([])),
    });
    await publish("1", "2", "3", "4");
    const reader = read(1);
    const first = (await reader.next()).ack();
    const second = (await reader.next()).ack();
    await clock.advance(15_000);
    expect(callsOf("settle").length).toBeGreaterThan(5);
    expect(takes()).toHaveLength(2);
    isFull = false;
    await clock.advance(5_000);
    await Promise.all([first, second]);
    expect(await reader.text()).toBe("3");
  });

  it("takes another for one whose lease was lost, once that has been settled in vain", async () => {
    const { publish, read, clock } = await setUp({ renew: async (receipts) => receipts });
    await publish("1", "2");
    const reader = read(1);
    const lost = await reader.next();
    await clock.advance(LEASE_MS);
    expect(lost.isLost).toBe(true);
    await expect(lost.confirm()).rejects.toThrow(DeliveryLostError);
    await expect(lost.handBack()).rejects.toThrow(DeliveryLostError);
    expect(textOf(await reader.next())).toBe("1");
  });

  it("goes on after an outage though another consumer of the broker is never done settling", async () => {
    let isAway = false;
    const { broker, publish, read, clock, fail, heal } = await setUp({ settle: () => new Promise(() => undefined) });
    await publish("1");
    const busy = read(1);
    void (await busy.next()).ack().catch(() => undefined);
    fail(undefined, ["take"]);
    const other = read(1);
    await clock.advance(1_000);
    heal();
    isAway = broker.state === "lost";
    await clock.advance(10_000);
    await publish("2");
    expect([isAway, textOf(await other.next())]).toEqual([true, "2"]);
  });

  it("asks with the lease of the broker, and again when a wait was in vain", async () => {
    const { read, takes, clock } = await setUp();
    read(1);
    await clock.advance(12_000);
    expect(takes().length).toBe(3);
    expect(takes()[0]).toMatchObject({ leaseMs: LEASE_MS, waitMs: 5_000 });
  });

  it("gives up a waiting take for one with the queue that was added, and one without the queue that was cancelled", async () => {
    const { broker, callsOf, clock } = await setUp();
    const consumer = broker.consume(["q"], { prefetch: 1 });
    await clock.advance(0);
    consumer.add("other");
    await clock.advance(0);
    consumer.cancel("q");
    await clock.advance(0);
    consumer.cancel("other");
    await clock.advance(60_000);
    expect(callsOf("take").map(([queues]) => queues)).toEqual([["q"], ["q", "other"], ["other"]]);
  });

  it("goes on after an outage, pausing longer and longer; the state tells, and the log once for each change", async () => {
    const { broker, read, publish, callsOf, clock, fail, heal, lines } = await setUp();
    const reader = read(1);
    await clock.advance(0);
    fail();
    await clock.advance(120_000);
    const attempts = callsOf("open").length;
    expect(broker.state).toBe("lost");
    expect(attempts).toBeGreaterThan(10);
    expect(attempts).toBeLessThan(500);
    heal();
    await clock.advance(5_000);
    expect(broker.state).toBe("open");
    await publish("after");
    expect(await reader.text()).toBe("after");
    expect(lines.map((line) => line.message)).toEqual(["broker lost", "broker back"]);
  });

  it("starts before the store can be reached, and takes when it can", async () => {
    const { broker, read, publish, clock, fail, heal } = await setUp({}, { connected: false });
    fail();
    const reader = read(1);
    await clock.advance(10_000);
    heal();
    await clock.advance(5_000);
    await broker.declare({ queues: [{ name: "q" }] });
    await publish("at last");
    expect(await reader.text()).toBe("at last");
  });

  it("ends the iteration with any other error, and hands back what was not yielded", async () => {
    const { broker, read, publish, fail, lines } = await setUp();
    await publish("1", "2");
    const reader = read(3);
    const first = await reader.next();
    fail(new Error("bug in the store"), ["take"]);
    reader.consumer.prefetch = 4;
    await eventually(async () => expect(await broker.inspect("q")).toMatchObject({ ready: 1, unacked: 1 }));
    await expect(reader.consumer[Symbol.asyncIterator]().next()).rejects.toThrow("bug in the store");
    await reader.expectEnd();
    await first.ack();
    expect(lines).toContainEqual(expect.objectContaining({ level: "error", message: "consumer failed" }));
    await reader.consumer[Symbol.asyncDispose]();
  });
});

describe("settling", () => {
  it("sends all settlements of one turn in one call", async () => {
    const { publish, read, callsOf } = await setUp();
    await publish(...Array.from({ length: 50 }, (_, index) => String(index)));
    const deliveries = await read(50).take(50);
    await Promise.all(deliveries.map((delivery, index) => (index % 2 === 0 ? delivery.ack() : delivery.requeue())));
    expect(callsOf("settle").map(([settlements]) => (settlements as readonly unknown[]).length)).toEqual([50]);
  });

  it("sends those of half the prefetch ahead, and takes as many, while the rest of the turn goes on", async () => {
    const { publish, read, callsOf, takes } = await setUp({ isRemote: true });
    await publish(...Array.from({ length: 20 }, (_, index) => String(index)));
    const deliveries = await read(10).take(10);
    const settling = deliveries.map((delivery) => delivery.ack());
    expect(callsOf("settle").map(([settlements]) => (settlements as readonly unknown[]).length)).toEqual([5]);
    expect(takes().map(({ max }) => max)).toEqual([10, 5]);
    await Promise.all(settling);
  });

  it("refuses to settle twice, as a programming error that says so", async () => {
    const { publish, read, callsOf } = await setUp();
    await publish("x");
    const delivery = await read(1).next();
    const first = delivery.ack();
    const second = delivery.deadLetter({ code: "rejected", detail: "" });
    await expect(second).rejects.toThrow('This delivery from "q" was settled before: dead-letter came second.');
    await expect(second).rejects.not.toBeInstanceOf(CeleriacError);
    await first;
    await expect(delivery.ack()).rejects.toThrow("settled before");
    expect(callsOf("settle")).toHaveLength(1);
  });

  it("gives its credit back when it fails", async () => {
    const { publish, read, fail, heal } = await setUp();
    await publish("1", "2");
    const reader = read(1);
    const first = await reader.next();
    fail(new Error("bug in the store"), ["settle"]);
    await expect(first.ack()).rejects.toThrow("bug in the store");
    heal();
    expect(await reader.text()).toBe("2");
  });

  it("tells of a lost lease by the signal, by the rejection, and to who asks for the signal only then", async () => {
    const { publish, read, clock, callsOf } = await setUp({ renew: async (receipts) => receipts });
    await publish("1", "2");
    const [first, second] = (await read(2).take(2)) as [Delivery, Delivery];
    const { lost } = first;
    await clock.advance(LEASE_MS / 3);
    expect(lost.aborted).toBe(true);
    expect(lost.reason).toBeInstanceOf(DeliveryLostError);
    expect(second.lost.aborted).toBe(true);
    await expect(first.ack()).rejects.toThrow(DeliveryLostError);
    await expect(second.requeue()).rejects.toThrow(DeliveryLostError);
    expect(callsOf("settle")).toEqual([]);
  });

  it("keeps the place of a lost delivery until its holder has noticed, and that of one that was not yielded not at all", async () => {
    let lost: readonly string[] = [];
    const { publish, read, clock, takes } = await setUp({ renew: async (receipts) => (lost = receipts) });
    await publish("1", "2", "3");
    const reader = read(3);
    const first = await reader.next();
    await clock.advance(LEASE_MS / 3);
    expect(lost).toHaveLength(3);
    expect(takes().at(-1)?.max).toBe(2);
    await expect(first.ack()).rejects.toThrow(DeliveryLostError);
    await reader.consumer.stop();
    await reader.expectEnd();
  });
});

describe("stopping", () => {
  it("hands back what the last take still brought, without counting it as delivered", async () => {
    const leased: Leased = { receipt: "r", message: message("late"), queue: "q", deliveries: 1, fence: 1 };
    const { read, callsOf } = await setUp({ take: (_queues, { signal }) => untilAbort(signal).then(() => [leased]) });
    const reader = read(1);
    await eventually(() => expect(callsOf("take")).toHaveLength(1));
    await reader.consumer.stop();
    await reader.expectEnd();
    expect(callsOf("settle")).toEqual([[[{ receipt: "r", outcome: "hand-back" }]]]);
  });

  it("gives nothing more to who waits for it", async () => {
    const leased: Leased = { receipt: "r", message: message("late"), queue: "q", deliveries: 1, fence: 1 };
    const { read, callsOf } = await setUp({ take: (_queues, { signal }) => untilAbort(signal).then(() => [leased]) });
    const reader = read(1);
    const ended = reader.expectEnd();
    await eventually(() => expect(callsOf("take")).toHaveLength(1));
    await reader.consumer.stop();
    await ended;
    expect(callsOf("settle")).toHaveLength(1);
  });

  it("hands back what a take brought from a queue that was cancelled meanwhile", async () => {
    const leased: Leased = { receipt: "r", message: message("late"), queue: "q", deliveries: 1, fence: 1 };
    const { read, callsOf } = await setUp({ take: (_queues, { signal }) => untilAbort(signal).then(() => [leased]) });
    const reader = read(1);
    await eventually(() => expect(callsOf("take")).toHaveLength(1));
    reader.consumer.cancel("q");
    await eventually(() => expect(callsOf("settle")).toHaveLength(1));
    await reader.consumer.stop();
    await reader.expectEnd();
  });

  it("leaves the count of what nobody saw as it was", async () => {
    const { publish, read } = await setUp();
    await publish("1", "2");
    const stopped = read(2);
    await stopped.next();
    await stopped.consumer.stop();
    const next = await read(2).next();
    expect([textOf(next), next.deliveries]).toEqual(["2", 1]);
  });

  it("does not wait for a store that is away", async () => {
    const { publish, read, fail, lines } = await setUp();
    await publish("1", "2");
    const reader = read(2);
    await reader.next();
    fail();
    await reader.consumer.stop();
    await reader.expectEnd();
    expect(lines).toContainEqual(
      expect.objectContaining({ level: "warn", message: "messages not handed back; their leases will run out" }),
    );
  });

  it("goes on renewing what was yielded until it is settled", async () => {
    const { publish, read, clock, callsOf } = await setUp();
    await publish("1", "2");
    const reader = read(2);
    const first = await reader.next();
    await reader.consumer.stop();
    await clock.advance(LEASE_MS);
    expect(callsOf("renew").map(([receipts]) => (receipts as readonly string[]).length)).toEqual([1, 1, 1]);
    await first.ack();
    await clock.advance(LEASE_MS);
    expect(callsOf("renew")).toHaveLength(3);
  });

  it("is done at once for a consumer that never reached its store", async () => {
    const { read, fail, clock } = await setUp({}, { connected: false });
    fail();
    const reader = read(1);
    await clock.advance(100);
    await reader.consumer.stop();
    await reader.expectEnd();
  });
});

describe("disposing", () => {
  it("waits for settlements that are under way", async () => {
    const gate = deferred<readonly string[]>();
    const { publish, read } = await setUp({ settle: () => gate.promise });
    await publish("1");
    const reader = read(1);
    const delivery = await reader.next();
    let isDisposed = false;
    const ack = delivery.ack().then(() => expect(isDisposed).toBe(false));
    const disposed = reader.consumer[Symbol.asyncDispose]().then(() => (isDisposed = true));
    gate.resolve([]);
    await Promise.all([ack, disposed]);
  });

  it("ends after two seconds though a settlement is tried again and again: it rejects, and a later one too", async () => {
    const { publish, read, clock, fail, callsOf } = await setUp();
    await publish("1", "2");
    const reader = read(2);
    const [first, second] = await reader.take(2);
    fail();
    const ack = expect(first?.ack()).rejects.toThrow(BrokerUnavailableError);
    const disposed = reader.consumer[Symbol.asyncDispose]();
    await clock.advance(2_000);
    await Promise.all([ack, disposed]);
    await expect(second?.ack()).rejects.toThrow(DeliveryLostError);
    expect(second?.lost.aborted).toBe(true);
    await clock.advance(LEASE_MS);
    expect(callsOf("renew")).toEqual([]);
  });

  it("ends after two seconds though the store does not answer; so does the stop that was waiting, and the iteration", async () => {
    const { publish, read, clock } = await setUp({ settle: () => new Promise(() => undefined) });
    await publish("1", "2", "3");
    const reader = read(3);
    const delivery = await reader.next();
    const stopped = reader.consumer.stop();
    const ack = expect(delivery.ack()).rejects.toThrow("its consumer has been disposed");
    const disposed = reader.consumer[Symbol.asyncDispose]();
    await clock.advance(2_000);
    await Promise.all([stopped, ack, disposed]);
    await reader.expectEnd();
  });

  it("ends after two seconds though a take does not answer, and hands back what that still brings", async () => {
    const gate = deferred<readonly Leased[]>();
    const { read, callsOf, clock } = await setUp({ take: () => gate.promise });
    const reader = read(1);
    await eventually(() => expect(callsOf("take")).toHaveLength(1));
    const disposed = reader.consumer[Symbol.asyncDispose]();
    await clock.advance(2_000);
    await disposed;
    await reader.expectEnd();
    gate.resolve([{ receipt: "r", message: message("late"), queue: "q", deliveries: 1, fence: 1 }]);
    await eventually(() => expect(callsOf("settle")).toHaveLength(1));
  });
});

describe("attendance", () => {
  it("is told at once, every five seconds, on every change, and at the end", async () => {
    const { read, callsOf, clock } = await setUp();
    const reader = read(1);
    await clock.advance(10_000);
    reader.consumer.add("other");
    await clock.advance(0);
    await reader.consumer.stop();
    const told = callsOf("attend").map(([, queues, ttlMs]) => [queues, ttlMs]);
    expect(told).toEqual([
      [["q"], 15_000],
      [["q"], 15_000],
      [["q"], 15_000],
      [["q", "other"], 15_000],
      [[], 0],
    ]);
    expect(new Set(callsOf("attend").map(([consumer]) => consumer)).size).toBe(1);
  });

  it("goes on after a failure", async () => {
    const { read, callsOf, clock, fail, heal } = await setUp();
    fail(new BrokerUnavailableError("memory:", "away"), ["attend"]);
    read(1);
    await clock.advance(5_000);
    heal();
    await clock.advance(5_000);
    expect(callsOf("attend")).toHaveLength(3);
  });
});

async function setUp(overrides: Partial<MessageStore> = {}, { connected = true } = {}) {
  const clock = new FakeClock();
  const { log, lines } = recordingLogger();
  const recording = recordingStore(clock, overrides);
  const broker = new QueuedBroker({ store: recording.store, clock, log, leaseMs: LEASE_MS });
  if (connected) await broker.declare({ queues: [{ name: "q" }] });
  return {
    ...recording,
    broker,
    clock,
    lines,
    publish: (...texts: readonly string[]) => broker.publish(texts.map((text) => toQueue("q", text))),
    // The patience of a reader is real time.
    read: (prefetch: number) => new Reader(broker.consume(["q"], { prefetch }), systemClock),
    takes: () => recording.callsOf("take").map(([, options]) => options as TakeOptions),
  };
}

async function untilAbort(signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve(), { once: true }));
}
