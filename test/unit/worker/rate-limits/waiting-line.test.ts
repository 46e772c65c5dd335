import { describe, expect, it } from "vitest";
import { WaitingLine } from "../../../../src/worker/rate-limits/waiting-line.ts";

const ROUND = 30_000;

/** When each of `count` comes back who joins at once, the next turn being an interval away. */
function joinAll(count: number, line: WaitingLine, now = 0, intervalMs = 1_000): readonly number[] {
  return Array.from({ length: count }, () => line.join(now, now + intervalMs));
}

describe("a waiting line", () => {
  it("has two in front, who ask again soon, then one for each turn, and nobody twice", () => {
    const line = new WaitingLine({ intervalMs: 1_000, leadMs: 500 });
    expect(joinAll(6, line)).toEqual([250, 250, 500, 1_500, 2_500, 3_500]);
    // One of those in front is back, and another takes the place.
    expect(line.join(250, 1_000)).toBe(500);
    expect(line.join(260, 1_000)).toBe(500);
    expect(line.join(260, 1_000)).toBe(4_500);
  });

  it("has those in front there in time for their turn", () => {
    const line = new WaitingLine({ intervalMs: 36_000, leadMs: 500 });
    expect(line.join(0, 36_000)).toBe(5_000);
    expect(line.join(5_000, 9_000)).toBe(8_500);
  });

  it("has those who find no place in it come back after it, in their order and apart", () => {
    const line = new WaitingLine({ intervalMs: 1_000, leadMs: 500 });
    const times = joinAll(1_000, line).slice(2);
    const behind = times.filter((at) => at >= ROUND);
    expect(times.length - behind.length).toBe(30);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    for (const [index, at] of behind.entries()) expect(at).toBeCloseTo(ROUND + (index + 1) * 1.2, 6);
  });

  it("gives places to the first of them when they come back, and none to others before", () => {
    const line = new WaitingLine({ intervalMs: 1_000, leadMs: 500 });
    const behind = joinAll(50_000, line).filter((at) => at >= ROUND);
    const late = line.join(ROUND - 10_000, ROUND - 9_000); // in front
    expect(late).toBeLessThan(ROUND);
    line.join(ROUND - 10_000, ROUND - 9_000);
    expect(line.join(ROUND - 10_000, ROUND - 9_000)).toBeGreaterThan(behind.at(-1) ?? 0);
    // The new round lasts until all of those behind have come round, which takes a minute.
    const lastOfAll = behind.at(-1) ?? 0;
    const again = behind.map((at, index) => ({ index, at, back: line.join(at, at + 1_000) }));
    const notInFront = again.filter(({ at, back }) => back - at > 251);
    const placed = notInFront.filter(({ back }) => back <= lastOfAll);
    expect(placed.length).toBeGreaterThan(50);
    expect(Math.max(...placed.map(({ index }) => index))).toBeLessThan(100);
  });

  it("never has more than so many come back in a second, however many wait", () => {
    const line = new WaitingLine({ intervalMs: 3_600_000, leadMs: 500 });
    const queue = joinAll(50_000, line, 0, 3_600_000).toSorted((a, b) => a - b);
    const looks = new Map<number, number>();
    for (let taken = 0; taken < 200_000; taken += 1) {
      const at = queue[taken] ?? Infinity;
      looks.set(Math.floor(at / 1_000), (looks.get(Math.floor(at / 1_000)) ?? 0) + 1);
      const back = line.join(at, 3_600_000);
      // Nearly always the last of all: a search from the end is short.
      let place = queue.length;
      while ((queue[place - 1] ?? 0) > back) place -= 1;
      queue.splice(place, 0, back);
    }
    expect(Math.max(...looks.values())).toBeLessThan(1_000);
  });
});
