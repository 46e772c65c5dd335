import { describe, expect, it } from "vitest";

import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { StallableClock } from "../../../src/testing/stallable-clock.ts";

describe("FakeClock", () => {
  it("starts where it is told and moves only by hand", async () => {
    const start = new Date("2030-06-01T12:00:00Z");
    const clock = new FakeClock(start);
    expect(clock.now()).toBe(start.getTime());
    await clock.advance(1_500);
    expect(clock.now()).toBe(start.getTime() + 1_500);
  });

  it("wakes sleepers at their time and in their order", async () => {
    const clock = new FakeClock();
    const start = clock.now();
    const woken: [string, number][] = [];
    for (const [name, ms] of [
      ["c", 300],
      ["a", 100],
      ["b", 200],
      ["b2", 200],
      ["d", 400],
    ] as const) {
      void clock.sleep(ms).then(() => woken.push([name, clock.now() - start]));
    }
    await clock.advance(300);
    expect(woken).toEqual([
      ["a", 100],
      ["b", 200],
      ["b2", 200],
      ["c", 300],
    ]);
    expect(clock.sleeping).toBe(1);
    await clock.advance(100);
    expect(woken.at(-1)).toEqual(["d", 400]);
  });

  it("wakes who goes to sleep again on the way, as often as it is due", async () => {
    const clock = new FakeClock();
    let beats = 0;
    const beat = async (): Promise<void> => {
      for (;;) {
        await clock.sleep(100);
        await new Promise((resolve) => setImmediate(resolve));
        beats += 1;
      }
    };
    void beat();
    await clock.advance(1_000);
    expect(beats).toBe(10);
  });

  it("rejects a sleep that is aborted, and forgets it", async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const sleep = clock.sleep(100, { signal: controller.signal });
    controller.abort(new Error("up"));
    await expect(sleep).rejects.toThrow("up");
    await expect(clock.sleep(100, { signal: controller.signal })).rejects.toThrow("up");
    expect(clock.sleeping).toBe(0);
  });

  it("moves up to a time, and never back", async () => {
    const clock = new FakeClock();
    const start = clock.now();
    await clock.advanceTo(start + 1_000);
    await clock.advanceTo(start + 500);
    expect(clock.now()).toBe(start + 1_000);
  });

  it("moves to when the next sleeper wakes, and nowhere when nobody sleeps", async () => {
    const clock = new FakeClock();
    const start = clock.now();
    const woken: number[] = [];
    for (const ms of [200, 100]) void clock.sleep(ms).then(() => woken.push(ms));
    await clock.advanceToNextWake();
    expect([woken, clock.now() - start]).toEqual([[100], 100]);
    await clock.advanceToNextWake();
    await clock.advanceToNextWake();
    expect([woken, clock.now() - start]).toEqual([[100, 200], 200]);
  });

  it("makes one move after the other when several are asked for at once", async () => {
    const clock = new FakeClock();
    const start = clock.now();
    await Promise.all([clock.advance(100), clock.advance(50), clock.advanceTo(start + 120)]);
    expect(clock.now() - start).toBe(150);
  });

  it("does not make anybody wait for no time", async () => {
    const clock = new FakeClock();
    await clock.sleep(0);
    await clock.sleep(-5);
  });
});

describe("StallableClock", () => {
  it("wakes nobody while it stands still, and everybody when it goes on", async () => {
    const fake = new FakeClock();
    const clock = new StallableClock(fake);
    let awake = false;
    void clock.sleep(100).then(() => (awake = true));
    clock.stall();
    await fake.advance(1_000);
    expect(awake).toBe(false);
    expect(clock.now()).toBe(fake.now());
    clock.resume();
    await fake.advance(0);
    expect(awake).toBe(true);
  });

  it("lets a stalled sleep be aborted", async () => {
    const fake = new FakeClock();
    const clock = new StallableClock(fake);
    const controller = new AbortController();
    clock.stall();
    const sleep = clock.sleep(100, { signal: controller.signal });
    await fake.advance(100);
    controller.abort(new Error("up"));
    await expect(sleep).rejects.toThrow("up");
  });
});
