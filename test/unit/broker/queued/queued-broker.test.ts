import { describe, expect, it } from "vitest";

import { MemoryStore } from "../../../../src/adapters/memory/memory-store.ts";
import type { BrokerState, Delivery } from "../../../../src/broker/broker.ts";
import { BrokerUnavailableError, DeliveryLostError, UnroutableError } from "../../../../src/broker/errors.ts";
import type {
  MessageStore,
  PushItem,
  Settlement,
  StoredExchange,
} from "../../../../src/broker/queued/message-store.ts";
import { QueuedBroker } from "../../../../src/broker/queued/queued-broker.ts";
import { systemClock } from "../../../../src/util/clock.ts";
import { deferred } from "../../../../src/util/deferred.ts";
import { FakeClock } from "../../../../src/testing/fake-clock.ts";
import { Reader } from "../../../../src/testing/conformance/broker/reader.ts";
import { message, to, toQueue } from "../../../../src/testing/conformance/broker/stage.ts";
import { recordingLogger } from "../../../support/recording-logger.ts";
import { recordingStore } from "../../../support/recording-store.ts";

describe("QueuedBroker", () => {
  it("pushes all calls of one turn of the event loop as one", async () => {
    const { broker, callsOf } = await setUp();
    await Promise.all(["a", "b", "c"].map((text) => broker.publish([toQueue("q", text), toQueue("q", text)])));
    expect(callsOf("push").map(([items]) => (items as readonly PushItem[]).length)).toEqual([6]);
  });

  it("asks for an exchange once, however many messages of one turn go through it", async () => {
    const { broker, callsOf } = await setUp();
    await broker.declare({
      exchanges: [{ name: "x", type: "topic" }],
      bindings: [{ exchange: "x", queue: "q", routingKey: "#" }],
    });
    await Promise.all(["a", "b", "c"].map((key) => broker.publish([to({ exchange: "x", routingKey: key }, key)])));
    expect(callsOf("exchange")).toEqual([["x"]]);
    expect(callsOf("push")).toHaveLength(1);
  });

  it("pushes ahead to a store that is elsewhere, in parts and in order", async () => {
    const { broker, callsOf } = await setUp({ isRemote: true });
    const texts = Array.from({ length: 120 }, (_, index) => String(index));
    const publishing = texts.map((text) => broker.publish([toQueue("q", text)]));
    await Promise.all(publishing);
    expect(callsOf("push").map(([items]) => (items as readonly PushItem[]).length)).toEqual([50, 50, 20]);
    expect(await new Reader(broker.consume(["q"], { prefetch: 1 }), systemClock).texts(120)).toEqual(texts);
  });

  it("keeps the order where a call has to ask for its exchange first", async () => {
    const memory = new MemoryStore({ clock: new FakeClock() });
    const exchange = async (name: string): Promise<StoredExchange | undefined> => {
      await systemClock.sleep(5);
      return memory.exchange(name);
    };
    await memory.declare({
      queues: [{ name: "q" }],
      exchanges: [{ name: "x", type: "direct" }],
      bindings: [{ exchange: "x", queue: "q", routingKey: "k" }],
    });
    const { broker } = await setUp({ isRemote: true, exchange });
    const texts = Array.from({ length: 120 }, (_, index) => String(index));
    await Promise.all(
      texts.map((text, index) =>
        broker.publish([index === 3 ? to({ exchange: "x", routingKey: "k" }, text) : toQueue("q", text)]),
      ),
    );
    expect(await new Reader(broker.consume(["q"], { prefetch: 1 }), systemClock).texts(120)).toEqual(texts);
  });

  it("leaves out a call that was aborted before its turn ended, and publishes the others", async () => {
    const { broker } = await setUp();
    const controller = new AbortController();
    const aborted = broker.publish([toQueue("q", "no")], { signal: controller.signal });
    const other = broker.publish([toQueue("q", "yes")]);
    controller.abort(new Error("deadline"));
    await expect(aborted).rejects.toThrow("deadline");
    await other;
    expect((await broker.inspect("q"))?.ready).toBe(1);
  });

  it("lets the store, which may have to wait before it writes, see what was given up meanwhile", async () => {
    const { broker, callsOf } = await setUp();
    const off = new AbortController();
    const { signal } = off;
    await Promise.all([broker.publish([toQueue("q", "a")], { signal }), broker.publish([toQueue("q", "b")])]);
    off.abort();
    expect((callsOf("push")[0]?.[0] as readonly PushItem[]).map((item) => item.isGivenUp?.())).toEqual([true, false]);
  });

  it("publishes the others when the store refuses one call of a turn, and asks no more of one that is away", async () => {
    const push = async (items: readonly PushItem[]): Promise<readonly undefined[]> => {
      if (items.some(({ message: { body } }) => Buffer.from(body).toString() === "bad")) throw new Error("refused");
      return items.map(() => undefined);
    };
    const { broker, callsOf, fail } = await setUp({ push });
    const send = (...texts: readonly string[]) =>
      Promise.allSettled(texts.map((text) => broker.publish([toQueue("q", text)])));
    expect((await send("a", "bad", "b")).map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(callsOf("push")).toHaveLength(4);
    fail();
    await send("c", "d");
    expect(callsOf("push")).toHaveLength(5);
  });

  it("routes again when a queue disappears between routing and pushing", async () => {
    const stale: StoredExchange = {
      type: "fanout",
      bindings: ["gone", "q"].map((queue) => ({ exchange: "x", queue, routingKey: "" })),
    };
    const { broker, callsOf } = await setUp({ exchange: async () => stale });
    await broker.publish([to({ exchange: "x", routingKey: "" }, "hello")]);
    expect((await broker.inspect("q"))?.ready).toBe(1);
    expect(callsOf("push")).toHaveLength(2);
  });

  it("finds a message unroutable when all its queues have disappeared", async () => {
    const stale: StoredExchange = { type: "fanout", bindings: [{ exchange: "x", queue: "gone", routingKey: "" }] };
    const { broker } = await setUp({ exchange: async () => stale });
    await expect(broker.publish([to({ exchange: "x", routingKey: "key" }, "hello")])).rejects.toThrow(UnroutableError);
  });

  it("cuts delays to what the store can hold", async () => {
    const features = {
      priorityOrder: "highest-first",
      priorityStep: 1,
      maxDelayMs: 500,
      maxMessageBytes: 100,
      uniqueKeys: true,
      keepsPlace: true,
    } as const;
    const { broker, callsOf } = await setUp({ features });
    await broker.publish([toQueue("q", "far", { delayMs: 60_000 }), toQueue("q", "near", { delayMs: 100 })]);
    expect((callsOf("push")[0]?.[0] as readonly PushItem[]).map((item) => item.delayMs)).toEqual([500, 100]);
  });

  it("refuses a body that is larger than the store takes", async () => {
    const features = {
      priorityOrder: "highest-first",
      priorityStep: 1,
      maxDelayMs: 0,
      maxMessageBytes: 10,
      uniqueKeys: true,
      keepsPlace: true,
    } as const;
    const { broker } = await setUp({ features });
    await broker.publish([toQueue("q", "x".repeat(10))]);
    const refused = broker.publish([{ message: message("x".repeat(11)), route: { exchange: "", routingKey: "q" } }]);
    await expect(refused).rejects.toMatchObject({ code: "CELERIAC_MESSAGE_TOO_LARGE", bytes: 11, maxBytes: 10 });
  });

  it("opens the store once for many callers, and again after a failure", async () => {
    const { broker, callsOf, fail, heal, states } = await setUp({}, { connected: false });
    fail();
    const attempts = await Promise.allSettled([broker.connect(), broker.connect(), broker.inspect("q")]);
    for (const attempt of attempts) {
      expect(attempt).toMatchObject({ status: "rejected", reason: { code: "CELERIAC_BROKER_UNAVAILABLE" } });
    }
    expect(callsOf("open")).toHaveLength(1);
    heal();
    await broker.connect();
    expect(callsOf("open")).toHaveLength(2);
    expect(states).toEqual(["connecting", "idle", "connecting", "open"]);
  });

  it("lets one caller give up waiting for the connection without ending the attempt", async () => {
    const gate = deferred();
    const { broker } = await setUp({ open: () => gate.promise }, { connected: false });
    const controller = new AbortController();
    const [impatient, patient] = [broker.connect({ signal: controller.signal }), broker.connect()];
    controller.abort(new Error("too slow"));
    await expect(impatient).rejects.toThrow("too slow");
    gate.resolve();
    await patient;
    expect(broker.state).toBe("open");
  });

  it("is lost when the store is away, open when it is back, and declares again what it knows", async () => {
    const { broker, callsOf, fail, heal, states, lines } = await setUp();
    await broker.declare({ queues: [{ name: "kept" }, { name: "removed" }] });
    await broker.remove("removed");
    fail();
    await expect(broker.inspect("q")).rejects.toThrow(BrokerUnavailableError);
    await expect(broker.inspect("q")).rejects.toThrow(BrokerUnavailableError);
    expect(broker.state).toBe("lost");
    heal();
    await broker.inspect("q");
    expect(states).toEqual(["connecting", "open", "lost", "open"]);
    expect(callsOf("declare").at(-1)).toEqual([
      { exchanges: [], queues: [{ name: "q" }, { name: "kept" }], bindings: [] },
    ]);
    expect(lines.map((line) => line.message)).toEqual(["broker lost", "broker back"]);
  });

  it("does not publish twice by itself: a push that fails is the caller's affair", async () => {
    const { broker, callsOf, fail } = await setUp();
    fail(undefined, ["push"]);
    await expect(broker.publish([toQueue("q", "x")])).rejects.toThrow(BrokerUnavailableError);
    expect(callsOf("push")).toHaveLength(1);
  });

  it("settles what was finished during an outage once the store is back", async () => {
    const { broker, clock, callsOf, fail, heal } = await setUp();
    await broker.publish([toQueue("q", "x")]);
    const [delivery] = await take(broker, 1);
    fail();
    let acked = false;
    const ack = delivery?.ack().then(() => (acked = true));
    await clock.advance(1_000);
    expect(acked).toBe(false);
    expect(callsOf("open").length).toBeGreaterThan(1);
    heal();
    await clock.advance(5_000);
    await ack;
    expect(await broker.inspect("q")).toMatchObject({ ready: 0, unacked: 0 });
  });

  it("takes a settlement for done whose answer was lost, as long as nobody else can have had the message", async () => {
    const { store, broker, clock } = await setUpUnheard();
    const [delivery] = await take(broker, 1);
    const ack = delivery?.ack();
    await clock.advance(10_000);
    store.heard = true;
    await clock.advance(2_000);
    await ack;
    expect(delivery?.isLost).toBe(false);
  });

  it("cannot tell any more once the lease has run out, and says that the delivery is lost", async () => {
    const { store, broker, clock } = await setUpUnheard();
    const [delivery] = await take(broker, 1);
    const ack = expect(delivery?.ack()).rejects.toThrow(DeliveryLostError);
    await clock.advance(20_000);
    store.heard = true;
    await clock.advance(2_000);
    await ack;
  });

  it("is disposed within four seconds though the store does not answer", async () => {
    const { broker, clock } = await setUp({ push: () => new Promise(() => undefined) });
    void broker.publish([toQueue("q", "x")]);
    const consumer = broker.consume(["q"], { prefetch: 1 });
    const disposed = broker[Symbol.asyncDispose]();
    await clock.advance(4_000);
    await disposed;
    expect(await consumer[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined });
    expect(broker.state).toBe("closed");
  });

  it("does not hang when it is disposed during an outage", async () => {
    const { broker, clock, fail } = await setUp();
    await broker.publish([toQueue("q", "x"), toQueue("q", "y")]);
    const [delivery] = await take(broker, 2);
    fail();
    const ack = expect(delivery?.ack()).rejects.toThrow(BrokerUnavailableError);
    await clock.advance(500);
    await broker[Symbol.asyncDispose]();
    await ack;
    expect(broker.state).toBe("closed");
  });
});

async function setUp(overrides: Partial<MessageStore> = {}, { connected = true } = {}) {
  const clock = new FakeClock();
  const { log, lines } = recordingLogger();
  const recording = recordingStore(clock, overrides);
  const broker = new QueuedBroker({ store: recording.store, clock, log });
  const states: BrokerState[] = [];
  broker.onState((state) => states.push(state));
  if (connected) await broker.declare({ queues: [{ name: "q" }] });
  return { ...recording, broker, clock, lines, states };
}

/** A store in memory that settles, and whose answer to that is lost until it is `heard`. */
class Unheard extends MemoryStore {
  heard = false;

  override async settle(settlements: readonly Settlement[]): Promise<readonly string[]> {
    const lost = await super.settle(settlements);
    if (!this.heard) throw new BrokerUnavailableError(this.url, "the connection was closed.");
    return lost;
  }
}

async function setUpUnheard() {
  const clock = new FakeClock();
  const store = new Unheard({ clock });
  const broker = new QueuedBroker({ store, clock, log: recordingLogger().log });
  await broker.declare({ queues: [{ name: "q" }] });
  await broker.publish([toQueue("q", "x")]);
  return { store, broker, clock };
}

function take(broker: QueuedBroker, count: number): Promise<readonly Delivery[]> {
  return new Reader(broker.consume(["q"], { prefetch: count }), systemClock).take(count);
}
