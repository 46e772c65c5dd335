import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { systemClock } from "../../../src/util/clock.ts";
import { startTimer } from "../../../src/util/timer.ts";

describe("a timer by the system's clock", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it("acts once, when its time has come", () => {
    const act = vi.fn();
    startTimer(systemClock, 10, act);
    vi.advanceTimersByTime(9);
    expect(act).not.toHaveBeenCalled();
    vi.advanceTimersByTime(100);
    expect(act).toHaveBeenCalledOnce();
  });

  it("does nothing once stopped, and leaves nothing behind", () => {
    const act = vi.fn();
    startTimer(systemClock, 10, act)();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(100);
    expect(act).not.toHaveBeenCalled();
  });
});

describe("a timer by a clock that can only sleep", () => {
  it("acts once, when its time has come", async () => {
    const [clock, act] = [new FakeClock(), vi.fn()];
    startTimer(clock, 10, act);
    await clock.advance(9);
    expect(act).not.toHaveBeenCalled();
    await clock.advance(100);
    expect(act).toHaveBeenCalledOnce();
  });

  it("does nothing once stopped, and leaves nobody sleeping", async () => {
    const [clock, act] = [new FakeClock(), vi.fn()];
    startTimer(clock, 10, act)();
    expect(clock.sleeping).toBe(0);
    await clock.advance(100);
    expect(act).not.toHaveBeenCalled();
  });
});
