import { expect, it } from "vitest";
import { LeapPause } from "../../../src/adapters/sqlite/leap-pause.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";

const HOUR_MS = 3_600_000;

it("whoever takes what has run out rests for three seconds after a leap ahead, and then no more", async () => {
  const clock = new SettableClock();
  const pause = new LeapPause(clock);
  expect(await restedFor(pause, clock)).toBe(0);
  clock.set(HOUR_MS);
  expect(await restedFor(pause, clock)).toBe(3_000);
  expect(await restedFor(pause, clock)).toBe(0);
});

it("a leap back makes nobody rest: nothing seems to have run out", async () => {
  const clock = new SettableClock();
  const pause = new LeapPause(clock);
  clock.set(-HOUR_MS);
  expect(await restedFor(pause, clock)).toBe(0);
});

it("a rest is called off by its signal", async () => {
  const clock = new SettableClock();
  const pause = new LeapPause(clock);
  clock.set(HOUR_MS);
  await expect(pause.rest({ signal: AbortSignal.abort(new Error("stopped")) })).rejects.toThrow("stopped");
});

async function restedFor(pause: LeapPause, clock: SettableClock): Promise<number> {
  const start = clock.uptime();
  const rested = pause.rest().then(() => clock.uptime() - start);
  await clock.advance(10_000);
  return rested;
}

/** A fake clock whose time can be set while its uptime goes on. */
class SettableClock extends FakeClock {
  #setMs = 0;

  set(ms: number): void {
    this.#setMs += ms;
  }

  uptime(): number {
    return super.now();
  }

  override now(): number {
    return super.now() + this.#setMs;
  }
}
