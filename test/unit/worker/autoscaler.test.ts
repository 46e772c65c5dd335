import { describe, expect, it } from "vitest";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { silentLogger } from "../../../src/util/logger.ts";
import { Autoscaler, type AutoscaleOptions } from "../../../src/worker/autoscaler.ts";

/** A worker that takes as many as it has places for, of as many as there are. */
function bench(range: AutoscaleOptions) {
  const clock = new FakeClock();
  const sizes: number[] = [];
  const worker = { size: range.min ?? 1, waiting: 0, running: 0 };
  const autoscaler = new Autoscaler({
    range,
    size: () => worker.size,
    inHand: () => worker.running,
    resize: (size) => {
      sizes.push(size);
      worker.size = size;
      take();
    },
    clock,
    log: silentLogger,
  });
  const take = (): void => {
    for (; worker.waiting > 0 && worker.running < worker.size; worker.waiting -= 1) {
      worker.running += 1;
      autoscaler.note(worker.running);
    }
  };
  autoscaler.begin();
  return {
    ...{ autoscaler, clock, sizes, worker },
    send: (count: number) => {
      worker.waiting += count;
      take();
    },
    finish: (count: number) => {
      worker.running -= count;
      take();
    },
  };
}

describe("an autoscaler", () => {
  it("doubles the places while all are taken, up to the most", async () => {
    const { send, clock, sizes, worker } = bench({ max: 10, min: 1 });
    send(100);
    await clock.advance(1_000);
    expect(sizes).toEqual([2, 4, 8, 10]);
    await clock.advance(60_000);
    expect(sizes).toHaveLength(4);
    expect(worker.running).toBe(10);
  });

  it("grows no further than what there is to do has it, and takes no place away soon after it has come", async () => {
    const { send, clock, sizes } = bench({ max: 100, min: 1 });
    send(5);
    await clock.advance(29_000);
    expect(sizes).toEqual([2, 4, 8]);
    await clock.advance(3_000);
    expect(sizes).toEqual([2, 4, 8, 6]);
  });

  it("sees that all were taken between two looks", async () => {
    const { send, finish, clock, worker } = bench({ max: 10, min: 2 });
    send(2);
    finish(2);
    await clock.advance(250);
    expect(worker.size).toBe(4);
  });

  it("takes away what has been idle for thirty seconds, and no sooner", async () => {
    const { send, finish, clock, worker } = bench({ max: 8, min: 2 });
    send(8);
    await clock.advance(1_000);
    expect(worker.size).toBe(8);
    finish(8);
    await clock.advance(29_500);
    expect(worker.size).toBe(8);
    await clock.advance(1_000);
    expect(worker.size).toBe(2);
  });

  it("leaves what is in use, and one place more, and so does not sway under a steady load", async () => {
    const { send, finish, clock, worker, sizes } = bench({ max: 16, min: 1 });
    send(16);
    await clock.advance(1_000);
    finish(11); // five go on
    await clock.advance(600_000);
    expect(worker).toMatchObject({ size: 6, running: 5 });
    expect(sizes).toEqual([2, 4, 8, 16, 6]);
  });

  it("keeps the places of a burst that comes again and again", async () => {
    const { send, finish, clock, sizes } = bench({ max: 4, min: 1 });
    for (let turn = 0; turn < 10; turn += 1) {
      send(4);
      await clock.advance(1_000);
      finish(4);
      await clock.advance(20_000);
    }
    expect(sizes).toEqual([2, 4]);
  });

  it("changes its range, and the worker at once where it is outside", async () => {
    const { autoscaler, clock, worker, send } = bench({ max: 10, min: 3 });
    expect(autoscaler.update({ max: 20, min: 5 })).toEqual({ max: 20, min: 5 });
    expect(worker.size).toBe(5);
    send(20);
    await clock.advance(1_000);
    expect(worker.size).toBe(20);
    expect(autoscaler.update({ max: 8, min: undefined })).toEqual({ max: 8, min: 5 });
    expect(worker.size).toBe(8);
    expect(autoscaler.info).toEqual({ max: 8, min: 5, current: 8, qty: 20 });
    await clock.advance(600_000);
    expect(worker.size).toBe(8);
  });

  it("takes no fewest for one", async () => {
    const { autoscaler, clock, worker } = bench({ max: 5, min: 0 });
    expect(autoscaler.range).toEqual({ max: 5, min: 1 });
    autoscaler.update({ max: undefined, min: 0 });
    await clock.advance(60_000);
    expect(worker.size).toBe(1);
  });

  it.each([
    [{ max: 0 }, '"max"'],
    [{ max: 1.5 }, '"max"'],
    [{ max: 10_001 }, '"max"'],
    [{ max: 5, min: -1 }, '"min"'],
    [{ max: 5, min: 6 }, '"min"'],
  ])("refuses %o", (range, named) => {
    expect(() => bench(range)).toThrow(named);
    const { autoscaler } = bench({ max: 5, min: 2 });
    const { max, min } = range as AutoscaleOptions;
    expect(() => autoscaler.update({ max, min })).toThrow(named);
    expect(autoscaler.range).toEqual({ max: 5, min: 2 });
  });

  it("looks no more once it is disposed", async () => {
    const { autoscaler, clock, sizes, send } = bench({ max: 5 });
    autoscaler[Symbol.dispose]();
    send(5);
    await clock.advance(10_000);
    expect(sizes).toEqual([]);
    expect(clock.sleeping).toBe(0);
  });
});
