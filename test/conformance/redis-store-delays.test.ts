import { afterAll, beforeAll, expect } from "vitest";
import type { PushItem } from "../../src/broker/queued/message-store.ts";
import { eventually } from "../support/eventually.ts";
import { bodyOf, RedisBeds, textOf, type RedisBed } from "../support/redis-bed.ts";
import { describe, it } from "../support/with-redis.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let beds: RedisBeds;

beforeAll(async () => {
  beds = await RedisBeds.start();
});
afterAll(() => beds[Symbol.asyncDispose]());

/** As a producer sends a task with a countdown. */
function task(bed: RedisBed, text: string, delayMs: number, more: Partial<PushItem> = {}): PushItem {
  const eta = new Date(Date.now() + delayMs).toISOString();
  return { ...bed.item({ text, headers: { eta } }), delayMs, ...more };
}

async function delayedIn(bed: RedisBed): Promise<unknown> {
  return bed.redis(["ZCARD", bed.key(`celeriac:delayed:${bed.queue}`)]);
}

describe("a delayed task in a queue from which no consumer of ours takes", () => {
  it("is in its list at once, for a Python worker to hold until it is due", async () => {
    await using bed = await beds.open();
    await bed.store.push([task(bed, "later", 10 * MINUTE)]);
    expect((await bed.list()).map(bodyOf)).toEqual(["later"]);
    expect(await bed.redis(["EXISTS", bed.key("unacked"), bed.key("unacked_index")])).toBe(0);
  });

  it("is deferred by a worker of ours that comes later, in its priority, and is not counted as delivered", async () => {
    await using bed = await beds.open();
    const { message, ...item } = task(bed, "later", 10 * MINUTE);
    await bed.store.push([{ ...item, message: { ...message, properties: { ...message.properties, priority: 6 } } }]);
    const { receipt } = await bed.takeOne();
    await bed.settle({ receipt, outcome: "defer", until: new Date(Date.now() - 1) });
    const again = await bed.takeOne();
    expect([textOf(again), again.deliveries, again.message.properties.priority]).toEqual(["later", 1, 6]);
  });

  it("waits in the store where it would be held for so long that Python takes its holder for dead", async () => {
    await using bed = await beds.open({ visibilityTimeoutMs: 2 * HOUR });
    await bed.store.push([task(bed, "soon", 59 * MINUTE), task(bed, "late", 61 * MINUTE)]);
    expect((await bed.list()).map(bodyOf)).toEqual(["soon"]);
    expect(await delayedIn(bed)).toBe(1);
  });

  it("waits in the store where it tells no eta: whoever takes it would take it for due", async () => {
    await using bed = await beds.open();
    await bed.store.push([{ ...bed.item({ text: "bare" }), delayMs: MINUTE }]);
    await bed.store.push([{ ...bed.item({ text: "null", headers: { eta: null } }), delayMs: MINUTE }]);
    expect(await bed.list()).toEqual([]);
    expect(await delayedIn(bed)).toBe(2);
  });

  it("holds its unique key as one that waits, and is replaced as such", async () => {
    await using bed = await beds.open();
    const unique = { key: "k", until: "end", onDuplicate: "keep-first" } as const;
    const send = (text: string, onDuplicate: "keep-first" | "replace"): Promise<readonly (string | undefined)[]> =>
      bed.store.push([task(bed, text, MINUTE, { unique: { ...unique, onDuplicate } })]);
    expect(await send("first", "keep-first")).toEqual([undefined]);
    expect(await send("second", "keep-first")).toEqual(["first"]);
    expect(await send("third", "replace")).toEqual([undefined]);
    expect((await bed.list()).map(bodyOf)).toEqual(["third"]);
    const { receipt } = await bed.takeOne();
    await bed.settle({ receipt, outcome: "defer", until: new Date(Date.now() + HOUR) });
    expect(await send("fourth", "keep-first")).toEqual(["third"]);
    expect(await send("fifth", "replace")).toEqual([undefined]);
    expect(await bed.redis(["HLEN", bed.key("unacked")])).toBe(0);
  });
});

describe("a delayed task in a queue from which a consumer of ours takes", () => {
  it("waits in the store until it is due, and in no worker", async () => {
    await using bed = await beds.open();
    await bed.store.attend("consumer", [bed.queue], 15_000);
    await bed.store.push([task(bed, "later", 10 * MINUTE)]);
    expect(await bed.list()).toEqual([]);
    expect(await delayedIn(bed)).toBe(1);
  });

  it("is in its list at once again when that consumer has left, or was not heard of for long", async () => {
    await using bed = await beds.open();
    const consumers = bed.key(`celeriac:consumers:${bed.queue}`);
    await bed.store.attend("consumer", [bed.queue], 15_000);
    await bed.redis(["ZADD", consumers, "XX", Date.now() - 1, "consumer"]);
    await bed.store.push([task(bed, "silent", MINUTE)]);
    await bed.store.attend("consumer", [bed.queue], 15_000);
    await bed.store.attend("consumer", [], 0);
    await bed.store.push([task(bed, "left", MINUTE)]);
    expect((await bed.list()).map(bodyOf)).toEqual(["left", "silent"]);
  });

  it("waits for each of its queues by itself", async () => {
    await using bed = await beds.open();
    await bed.store.declare({ queues: [{ name: "python" }] });
    await bed.store.attend("consumer", [bed.queue], 15_000);
    await bed.store.push([task(bed, "both", MINUTE, { queues: [bed.queue, "python"] })]);
    expect(await bed.list()).toEqual([]);
    expect(await bed.redis(["LLEN", bed.key("python")])).toBe(1);
    expect(await delayedIn(bed)).toBe(1);
  });

  it("is in its list soon after it is due though that consumer is too busy to take anything: others may be free", async () => {
    await using bed = await beds.open();
    await bed.store.attend("busy", [bed.queue], 15_000);
    await bed.store.push(Array.from({ length: 1_200 }, (_, index) => task(bed, String(index), 1)));
    await eventually(async () => {
      await bed.store.attend("busy", [bed.queue], 15_000);
      expect(await delayedIn(bed)).toBe(0);
    });
    expect(await bed.list()).toHaveLength(1_200);
  });

  it("is not lost where all of ours leave: whoever looks one visibility timeout after it is due gives it back, unchanged", async () => {
    await using bed = await beds.open({ visibilityTimeoutMs: HOUR });
    await bed.store.attend("consumer", [bed.queue], 15_000);
    await bed.store.push([task(bed, "left", MINUTE)]);
    await bed.store.attend("consumer", [], 0);
    const [place = ""] = (await bed.redis(["HKEYS", bed.key("unacked")])) as readonly string[];
    await bed.redis(["ZADD", bed.key("unacked_index"), "XX", Date.now() / 1_000 - 3_590, place]);
    await bed.store.take(["another"], { max: 1, leaseMs: 1_000, waitMs: 0 });
    expect(await bed.list()).toEqual([]);
    await bed.redis(["ZADD", bed.key("unacked_index"), "XX", Date.now() / 1_000 - 3_610, place]);
    await bed.store.take(["another"], { max: 1, leaseMs: 1_000, waitMs: 0 });
    expect((await bed.list()).map(bodyOf)).toEqual(["left"]);
    expect((await bed.takeOne()).deliveries).toBe(1);
  });
});
