import { describe, expect, it } from "vitest";

import { exponentialBackoff } from "../../../src/util/backoff.ts";

describe("exponentialBackoff", () => {
  const doubling = { baseMs: 100, maxMs: 1_000, jitter: false };

  it("doubles with every retry, up to the cap", () => {
    expect([0, 1, 2, 3, 4, 2_000].map((retry) => exponentialBackoff(retry, doubling))).toEqual([
      100, 200, 400, 800, 1_000, 1_000,
    ]);
  });

  it("draws from nothing to the whole delay, by the random numbers that it is given", () => {
    const delays = [0, 0.25, 0.5, 0.999].map((number) =>
      exponentialBackoff(2, { baseMs: 100, maxMs: 1_000, random: () => number }),
    );
    expect(delays).toEqual([0, 100, 200, 399]);
  });

  it("draws by chance when it is given none", () => {
    const delays = Array.from({ length: 1_000 }, () => exponentialBackoff(2, { baseMs: 100, maxMs: 1_000 }));
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...delays)).toBeLessThan(400);
    expect(new Set(delays).size).toBeGreaterThan(100);
  });
});
