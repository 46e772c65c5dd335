import { describe, expect, it } from "vitest";

import { memory } from "../../../src/adapters/memory/index.ts";
import { MemoryBroadcaster } from "../../../src/adapters/memory/memory-broadcaster.ts";
import { MemoryQueues } from "../../../src/adapters/memory/memory-queues.ts";
import { MemoryStore } from "../../../src/adapters/memory/memory-store.ts";
import { BrokerUnavailableError } from "../../../src/broker/errors.ts";
import type { Leased } from "../../../src/broker/queued/message-store.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { message } from "../../../src/testing/conformance/broker/stage.ts";
import { silentLogger } from "../../../src/util/logger.ts";

const WAIT = { max: 1, leaseMs: 1_000, waitMs: 60_000 };
const NO_WAIT = { ...WAIT, waitMs: 0 };

describe("MemoryStore", () => {
  it("wakes a waiting take at the moment when a delayed message is due, or a lease ends", async () => {
    const { store, clock, push } = await setUp();
    await push("later", 400);
    const start = clock.now();
    const times: number[] = [];
    const take = async (): Promise<void> => {
      await store.take(["q"], WAIT);
      times.push(clock.now() - start);
    };
    void take().then(take);
    await clock.advance(10_000);
    expect(times).toEqual([400, 1_400]);
  });

  it("ends a take that nothing came for, one that is aborted, and one whose store is disposed", async () => {
    const { store, clock } = await setUp();
    const inVain = store.take(["q"], { ...WAIT, waitMs: 500 });
    await clock.advance(500);
    expect(await inVain).toEqual([]);

    const controller = new AbortController();
    const aborted = store.take(["q"], { ...WAIT, signal: controller.signal });
    controller.abort(new Error("stop"));
    await expect(aborted).rejects.toThrow("stop");

    const closed = store.take(["q"], WAIT);
    await store[Symbol.asyncDispose]();
    await expect(closed).rejects.toThrow(BrokerUnavailableError);
    expect(clock.sleeping).toBe(0);
  });

  it("misses no message that comes while a take goes to sleep", async () => {
    const { store, push } = await setUp();
    const [taken] = await Promise.all([store.take(["q"], WAIT), Promise.resolve().then(() => push("x"))]);
    expect(taken).toHaveLength(1);
  });

  it("wakes waiting takes in turn", async () => {
    const { clock, queues, push } = await setUp();
    const served: string[] = [];
    const serve = async (name: string): Promise<void> => {
      const store = new MemoryStore({ clock, queues });
      for (let round = 0; round < 3; round += 1) {
        const [leased] = (await store.take(["q"], WAIT)) as [Leased];
        served.push(name);
        await store.settle([{ receipt: leased.receipt, outcome: "ack" }]);
      }
    };
    void serve("a");
    void serve("b");
    for (let index = 0; index < 6; index += 1) {
      await clock.advance(1);
      await push(String(index));
    }
    await clock.advance(1);
    expect(served).toEqual(["a", "b", "a", "b", "a", "b"]);
  });

  it("renews a lease that ran out as long as nobody has taken the message", async () => {
    const { store, clock, push } = await setUp();
    await push("x");
    const [leased] = (await store.take(["q"], NO_WAIT)) as [Leased];
    await clock.advance(900);
    expect(await store.renew([leased.receipt, "unknown"], 1_000)).toEqual(["unknown"]);
    await clock.advance(900);
    expect(await store.take(["q"], NO_WAIT)).toEqual([]);
    await clock.advance(100);
    expect(await store.renew([leased.receipt], 1_000)).toEqual([]);
    await clock.advance(1_000);
    expect(await store.take(["q"], NO_WAIT)).toHaveLength(1);
    expect(await store.renew([leased.receipt], 1_000)).toEqual([leased.receipt]);
  });

  it("forgets a consumer that stopped attending, and then the queue that expires without one", async () => {
    const { store, clock } = await setUp();
    await store.declare({ queues: [{ name: "expiring", expiresMs: 5_000 }] });
    await store.attend("c1", ["expiring", "q"], 15_000);
    await clock.advance(14_999);
    expect(await store.count("expiring")).toMatchObject({ consumers: 1 });
    await clock.advance(5_000);
    expect(await store.count("expiring")).toMatchObject({ consumers: 0 });
    await clock.advance(1);
    expect(await store.existing(["expiring", "q"])).toEqual(new Set(["q"]));
  });

  it("keeps a queue that expires for as long again when it is declared again", async () => {
    const { store, clock } = await setUp();
    const topology = { queues: [{ name: "expiring", expiresMs: 5_000 }] };
    await store.declare(topology);
    await clock.advance(4_000);
    await store.declare(topology);
    await clock.advance(4_000);
    expect(await store.queueNames()).toContain("expiring");
  });

  it("takes the most urgent message of all the queues, the oldest of equals", async () => {
    const { store } = await setUp();
    await store.declare({ queues: [{ name: "other" }] });
    const item = (queue: string, text: string, priority: number) => ({
      queues: [queue],
      message: message(text, { properties: { priority } }),
      delayMs: 0,
    });
    await store.push([item("q", "3", 0), item("other", "1", 5), item("q", "2", 5), item("other", "4", 0)]);
    const taken = await store.take(["q", "other"], { ...NO_WAIT, max: 10 });
    expect(taken.map((leased) => Buffer.from(leased.message.body).toString())).toEqual(["1", "2", "3", "4"]);
  });
});

describe("pushing to MemoryStore", () => {
  it("leaves out what was given up", async () => {
    const { store } = await setUp();
    const item = { queues: ["q"], message: message("x"), delayMs: 0 };
    await store.push([{ ...item, isGivenUp: () => true }, { ...item, isGivenUp: () => false }, item]);
    expect((await store.count("q"))?.ready).toBe(2);
  });
});

describe("MemoryBroadcaster", () => {
  it("keeps a bounded number of messages for a listener that does not listen", async () => {
    const broadcaster = new MemoryBroadcaster();
    const exchange = { name: "news", type: "fanout" } as const;
    const listener = await broadcaster.listen(exchange);
    for (let index = 0; index < 10_100; index += 1) await broadcaster.broadcast(message(String(index)), exchange);
    let heard = 0;
    for await (const { body } of listener) {
      heard += 1;
      if (Buffer.from(body).toString() === "9999") break;
    }
    await broadcaster.broadcast(message("after"), exchange);
    for await (const { body } of listener) {
      expect(Buffer.from(body).toString()).toBe("after");
      break;
    }
    expect(heard).toBe(10_000);
  });
});

describe("memory()", () => {
  it("offers a broker with a broadcaster, results and keys", async () => {
    const context = { clock: new FakeClock(), log: silentLogger, resultExpiresMs: 1_000 };
    const adapter = memory();
    const broker = adapter.createBroker(context);
    await broker.connect();
    expect([adapter.url, broker.state, broker.broadcaster instanceof MemoryBroadcaster]).toEqual([
      "memory:",
      "open",
      true,
    ]);
    const [backend, keys] = [adapter.createResultBackend(context), adapter.createKeyStore(context)];
    await backend.open();
    expect(await keys.claim("key", "owner", 1_000)).toBe(true);
    for (const part of [broker, backend, keys]) await part[Symbol.asyncDispose]();
  });
});

async function setUp() {
  const clock = new FakeClock();
  const queues = new MemoryQueues(clock);
  const store = new MemoryStore({ clock, queues });
  await store.declare({ queues: [{ name: "q" }] });
  const push = (text: string, delayMs = 0): Promise<unknown> =>
    store.push([{ queues: ["q"], message: message(text), delayMs }]);
  return { clock, queues, store, push };
}
