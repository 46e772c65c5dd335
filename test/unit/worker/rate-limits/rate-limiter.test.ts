import { describe, expect, it } from "vitest";
import { MemoryKeyStore } from "../../../../src/adapters/memory/memory-keys.ts";
import { FakeClock } from "../../../../src/testing/fake-clock.ts";
import { RateLimiter } from "../../../../src/worker/rate-limits/rate-limiter.ts";

describe("a rate limiter", () => {
  it("gives turns an interval apart, none further ahead than a second", () => {
    const limiter = new RateLimiter({ task: "t", rate: 2, intervalMs: 500, clock: new FakeClock() });
    expect([limiter.take(), limiter.take(), limiter.take(), limiter.take()]).toEqual([0, 500, 1_000, undefined]);
    expect(limiter.isNear).toBe(false);
  });

  it("gives no turn for the time when nobody was there", async () => {
    const clock = new FakeClock();
    const limiter = new RateLimiter({ task: "t", rate: 1, intervalMs: 1_000, clock });
    void limiter.take();
    await clock.advance(3_600_000);
    expect([limiter.take(), limiter.take(), limiter.take()]).toEqual([0, 1_000, undefined]);
  });

  it("takes no more than fifty turns ahead, where a second has more", () => {
    const limiter = new RateLimiter({ task: "t", rate: 1_000, intervalMs: 1, clock: new FakeClock() });
    let taken = 0;
    while (limiter.take() !== undefined) taken += 1;
    expect(taken).toBe(51);
  });

  it("puts off those whose turns have come together", async () => {
    const clock = new FakeClock();
    const limiter = new RateLimiter({ task: "t", rate: 10, intervalMs: 100, clock });
    await clock.advance(5_000);
    expect([limiter.lagMs(), limiter.lagMs(), limiter.lagMs()]).toEqual([0, 90, 180]);
    await clock.advance(280);
    expect(limiter.lagMs()).toBe(0);
  });

  it("counts the last turn of the limit that it takes the place of, by its own interval", async () => {
    const clock = new FakeClock();
    const slow = new RateLimiter({ task: "t", rate: "1/h", intervalMs: 3_600_000, clock });
    void slow.take();
    const faster = new RateLimiter({ task: "t", rate: 0.1, intervalMs: 10_000, clock, before: slow });
    expect(faster.take()).toBeUndefined();
    await clock.advance(9_500);
    expect(faster.take()).toBe(500);
  });

  it("shares its turns with those of other workers where there are keys, and asks for none that is not near", async () => {
    const clock = new FakeClock();
    const keys = new MemoryKeyStore({ clock });
    let asked = 0;
    const takeTurn = keys.takeTurn.bind(keys);
    keys.takeTurn = (...args) => {
      asked += 1;
      return takeTurn(...args);
    };
    const [one, other] = [0, 1].map(
      () => new RateLimiter({ task: "t", rate: 0.2, intervalMs: 5_000, clock, keys }),
    ) as [RateLimiter, RateLimiter];
    expect(await one.take()).toBe(0);
    expect(other.isNear).toBe(true);
    expect(await other.take()).toBeUndefined();
    expect([other.isNear, other.take(), one.take()]).toEqual([false, undefined, undefined]);
    expect(asked).toBe(2);
    await clock.advance(4_000);
    expect(await other.take()).toBe(1_000);
    expect(await one.take()).toBeUndefined();
  });
});
