import { describe, expect, it } from "vitest";

import { AsyncQueue } from "../../../src/util/async-queue.ts";

interface Item {
  readonly n: number;
}

describe("AsyncQueue", () => {
  it("gives values in order, those that waited and those that are waited for", async () => {
    const queue = new AsyncQueue<Item>();
    const items = numbered(5);
    for (const item of items.slice(0, 2)) queue.push(item);
    const reading = take(queue, 5);
    await new Promise((resolve) => setImmediate(resolve));
    for (const item of items.slice(2)) queue.push(item);
    expect(await reading).toEqual(items);
  });

  it("gives each value to one reader only", async () => {
    const queue = new AsyncQueue<Item>();
    const readings = [take(queue, 50), take(queue, 50)];
    for (const item of numbered(100)) queue.push(item);
    const seen = (await Promise.all(readings)).flat();
    expect(new Set(seen).size).toBe(100);
  });

  it("loses nothing when a loop is left and another goes on", async () => {
    const queue = new AsyncQueue<Item>();
    for (const item of numbered(3)) queue.push(item);
    for await (const item of queue) {
      expect(item.n).toBe(0);
      break;
    }
    expect(queue.size).toBe(2);
    expect((await take(queue, 2)).map(({ n }) => n)).toEqual([1, 2]);
  });

  it("ends waiting loops and returns what nobody got", async () => {
    const queue = new AsyncQueue<Item>();
    const waiting = read(queue);
    await Promise.resolve();
    expect(queue.end()).toEqual([]);
    expect(await waiting).toEqual([]);
    const other = new AsyncQueue<Item>();
    for (const item of numbered(2)) other.push(item);
    expect(other.end().map(({ n }) => n)).toEqual([0, 1]);
    other.push({ n: 9 });
    expect(await read(other)).toEqual([]);
  });

  it("tells a failure once", async () => {
    const queue = new AsyncQueue<Item>();
    queue.end(new Error("broken"));
    await expect(read(queue)).rejects.toThrow("broken");
    expect(await read(queue)).toEqual([]);
  });

  it("gives up a value that is deleted before anybody got it", async () => {
    const queue = new AsyncQueue<Item>();
    const [first, second, third] = numbered(3) as [Item, Item, Item];
    for (const item of [first, second, third]) queue.push(item);
    expect(queue.delete(second)).toBe(true);
    expect(queue.delete(second)).toBe(false);
    expect(await take(queue, 1)).toEqual([first]);
    expect(queue.delete(first)).toBe(false);
    expect(await take(queue, 1)).toEqual([third]);
    expect(queue.size).toBe(0);
  });

  it("takes a hundred thousand values in a row", async () => {
    const queue = new AsyncQueue<Item>();
    for (const item of numbered(100_000)) queue.push(item);
    const start = performance.now();
    expect((await take(queue, 100_000)).at(-1)?.n).toBe(99_999);
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});

function numbered(count: number): readonly Item[] {
  return Array.from({ length: count }, (_, n) => ({ n }));
}

async function read(queue: AsyncQueue<Item>): Promise<readonly Item[]> {
  const items: Item[] = [];
  for await (const item of queue) items.push(item);
  return items;
}

async function take(queue: AsyncQueue<Item>, count: number): Promise<readonly Item[]> {
  const items: Item[] = [];
  for await (const item of queue) {
    items.push(item);
    if (items.length === count) break;
  }
  return items;
}
