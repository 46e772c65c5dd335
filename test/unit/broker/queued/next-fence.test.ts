import { describe, expect, it } from "vitest";
import { nextFence } from "../../../../src/broker/queued/next-fence.ts";

const NOW = Date.UTC(2026, 0, 1);

describe("a fence", () => {
  it("is greater than the last, whether the clock goes on, stands or goes back", () => {
    let last = 0;
    for (const now of [NOW, NOW, NOW + 1, NOW - 60_000]) {
      const next = nextFence(last, now);
      expect(next).toBeGreaterThan(last);
      last = next;
    }
  });

  it("goes on growing after a clock was absurd", () => {
    const absurd = nextFence(0, Date.UTC(9999, 0, 1));
    const next = nextFence(absurd, NOW);
    expect(Number.isSafeInteger(next)).toBe(true);
    expect(next).toBeGreaterThan(absurd);
  });
});
