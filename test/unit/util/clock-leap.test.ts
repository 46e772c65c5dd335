import { expect, it } from "vitest";
import { ClockLeap } from "../../../src/util/clock-leap.ts";
import type { Clock } from "../../../src/util/clock.ts";

const HOUR_MS = 3_600_000;

it("a clock that is set, or goes on while the machine sleeps, has leapt once", () => {
  const time = { now: 1_000_000, uptime: 0 };
  const leap = new ClockLeap(clockOf(time));
  time.now += HOUR_MS;
  expect([leap.look(), leap.look()]).toEqual([HOUR_MS, 0]);
  time.now -= HOUR_MS;
  expect([leap.look(), leap.look()]).toEqual([-HOUR_MS, 0]);
});

it("time that passes, and small corrections, are no leap", () => {
  const time = { now: 1_000_000, uptime: 0 };
  const leap = new ClockLeap(clockOf(time));
  time.now += HOUR_MS + 500;
  time.uptime += HOUR_MS;
  expect(leap.look()).toBe(0);
});

it("a clock without an uptime never leaps", () => {
  let now = 0;
  const leap = new ClockLeap({ now: () => now, sleep: () => Promise.resolve() });
  now += HOUR_MS;
  expect(leap.look()).toBe(0);
});

function clockOf(time: { readonly now: number; readonly uptime: number }): Clock {
  return { now: () => time.now, uptime: () => time.uptime, sleep: () => Promise.resolve() };
}
