import { describe, expect, it } from "vitest";

import { Batcher } from "../../../src/util/batcher.ts";
import { deferred } from "../../../src/util/deferred.ts";

describe("Batcher", () => {
  it("puts all that is added in one turn of the event loop into one batch, also from later microtasks", async () => {
    const { batcher, batches } = doubling();
    const later = Promise.resolve().then(() => batcher.add(3));
    expect(await Promise.all([batcher.add(1), batcher.addAll([10, 20]), later])).toEqual([2, [20, 40], 6]);
    expect(batches).toEqual([[1, 10, 20, 3]]);
  });

  it("collects what comes while a batch is under way for the next one", async () => {
    const gate = deferred();
    const batches: (readonly number[])[] = [];
    const batcher = new Batcher<number, number>(async (items) => {
      batches.push(items);
      await gate.promise;
      return items;
    });
    const first = batcher.add(1);
    await turn();
    const rest = [batcher.add(2), batcher.add(3)];
    await turn();
    rest.push(batcher.add(4));
    expect(batches).toEqual([[1]]);
    gate.resolve();
    expect(await Promise.all([first, ...rest])).toEqual([1, 2, 3, 4]);
    expect(batches).toEqual([[1], [2, 3, 4]]);
  });

  it("runs what waits at once when it is flushed, beside what is under way; being idle means both", async () => {
    const gates = [deferred(), deferred()];
    const batches: (readonly number[])[] = [];
    const batcher = new Batcher<number, number>(async (items) => {
      const gate = gates[batches.push(items) - 1];
      await gate?.promise;
      return items;
    });
    const first = batcher.addAll([1, 2]);
    await turn();
    const second = batcher.add(3);
    expect([batcher.size, batches]).toEqual([1, [[1, 2]]]);
    batcher.flush();
    batcher.flush();
    expect([batcher.size, batches]).toEqual([0, [[1, 2], [3]]]);
    let isIdle = false;
    const idle = batcher.idle().then(() => (isIdle = true));
    gates[1]?.resolve();
    expect(await second).toBe(3);
    await turn();
    expect(isIdle).toBe(false);
    gates[0]?.resolve();
    expect(await first).toEqual([1, 2]);
    await idle;
  });

  it("does not take whoever comes after a flush to be alone", async () => {
    const { batcher, batches } = doubling();
    const flushed = batcher.addAll([1, 2]);
    batcher.flush();
    await flushed;
    await turn();
    const later = Promise.resolve().then(() => Promise.resolve().then(() => batcher.add(4)));
    await Promise.all([batcher.add(3), later]);
    expect(batches).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  it("rejects everything in a batch that fails, and goes on with the next", async () => {
    let failing = true;
    const batcher = new Batcher<string, string>(async (items) => {
      if (failing) throw new Error("disk full");
      return items;
    });
    const outcomes = await Promise.allSettled([batcher.add("a"), batcher.addAll(["b", "c"])]);
    expect(outcomes.map((outcome) => outcome.status)).toEqual(["rejected", "rejected"]);
    failing = false;
    expect(await batcher.add("d")).toBe("d");
  });

  it("runs the calls of a batch one by one when its error may be the fault of one", async () => {
    const batches: (readonly string[])[] = [];
    const run = async (items: readonly string[]): Promise<readonly string[]> => {
      batches.push(items);
      if (items.includes("away")) throw new Error("away");
      if (items.includes("bad")) throw new Error("refused");
      return items;
    };
    const batcher = new Batcher(run, { isolates: (error) => (error as Error).message === "refused" });
    const outcomes = await Promise.allSettled([batcher.add("a"), batcher.addAll(["b", "bad"]), batcher.add("c")]);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(batches).toEqual([["a", "b", "bad", "c"], ["a"], ["b", "bad"], ["c"]]);
    const others = await Promise.allSettled([batcher.add("d"), batcher.add("away")]);
    expect(others.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(batches).toHaveLength(5);
  });

  it("survives a run that throws before it returns a promise", async () => {
    const batcher = new Batcher<string, string>(() => {
      throw new Error("at once");
    });
    await expect(batcher.add("a")).rejects.toThrow("at once");
  });

  it("refuses an answer of another length than the batch", async () => {
    const batcher = new Batcher<number, number>(async () => [1]);
    await expect(Promise.all([batcher.add(1), batcher.add(2)])).rejects.toThrow("A batch of 2 got 1 results.");
  });

  it("lets one who adds alone wait for no turn of the event loop, but for one now and then", async () => {
    const { batcher } = doubling();
    let turns = 0;
    let isOver = false;
    const counting = (async () => {
      for (; !isOver; turns += 1) await turn();
    })();
    for (let i = 0; i < 160; i += 1) await batcher.add(i);
    isOver = true;
    await counting;
    expect(turns).toBeGreaterThan(5);
    expect(turns).toBeLessThan(20);
  });

  it("gathers again as soon as it sees that somebody is no longer alone", async () => {
    const { batcher, batches } = doubling();
    for (let i = 0; i < 3; i += 1) await batcher.add(i);
    const both = async (): Promise<void> => {
      for (let i = 0; i < 40; i += 1) await batcher.add(i);
    };
    await Promise.all([both(), both()]);
    const shared = batches.filter((items) => items.length === 2);
    expect(shared.length).toBeGreaterThan(20);
  });

  it("is idle once everything that was added has been done", async () => {
    const { batcher, batches } = doubling();
    await batcher.idle();
    void batcher.add(1);
    await batcher.idle();
    expect(batches).toEqual([[1]]);
  });

  it("answers an empty call", async () => {
    const { batcher } = doubling();
    expect(await batcher.addAll([])).toEqual([]);
  });
});

function doubling(): { readonly batcher: Batcher<number, number>; readonly batches: readonly (readonly number[])[] } {
  const batches: (readonly number[])[] = [];
  const batcher = new Batcher<number, number>(async (items) => {
    batches.push(items);
    return items.map((item) => item * 2);
  });
  return { batcher, batches };
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
