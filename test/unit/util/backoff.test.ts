import { describe, expect, it } from "vitest";

import { exponentialBackoff, seededRandom } from "../../../src/util/backoff.ts";

describe("exponentialBackoff", () => {
  const doubling = { baseMs: 100, maxMs: 1_000, jitter: false };

  it("doubles with every retry, up to the cap", () => {
    expect([0, 1, 2, 3, 4, 2_000].map((retry) => exponentialBackoff(retry, doubling))).toEqual([
      100, 200, 400, 800, 1_000, 1_000,
    ]);
  });

  it("draws evenly from nothing to the whole delay", () => {
    const random = seededRandom(1);
    const delays = Array.from({ length: 10_000 }, () => exponentialBackoff(2, { baseMs: 100, maxMs: 1_000, random }));
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...delays)).toBeLessThan(400);
    const mean = delays.reduce((sum, delay) => sum + delay, 0) / delays.length;
    expect(mean).toBeGreaterThan(190);
    expect(mean).toBeLessThan(210);
  });

  it("can be foreseen with a seed", () => {
    const draw = (seed: number): readonly number[] => {
      const random = seededRandom(seed);
      return [0, 1, 2, 3].map((retry) => exponentialBackoff(retry, { baseMs: 1_000, maxMs: 60_000, random }));
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });
});

describe("seededRandom", () => {
  it("stays from 0 to below 1 and fills the range", () => {
    const random = seededRandom(42);
    const buckets = new Array<number>(10).fill(0);
    for (let index = 0; index < 10_000; index += 1) {
      const value = random();
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThan(1);
      const bucket = Math.floor(value * 10);
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    for (const count of buckets) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });
});
