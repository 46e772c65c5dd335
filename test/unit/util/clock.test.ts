import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "../../../src/util/clock.ts";

const DAY_MS = 86_400_000;

describe("a sleep by the system's clock", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it.each([1, 1_000, 24 * DAY_MS, 25 * DAY_MS, 60 * DAY_MS])("lasts %i ms, neither less nor more", async (ms) => {
    const start = Date.now();
    let lasted: number | undefined;
    void systemClock.sleep(ms).then(() => (lasted = Date.now() - start));
    await vi.advanceTimersByTimeAsync(Math.max(ms, 0) - 1);
    expect(lasted).toBe(ms > 0 ? undefined : 0);
    await vi.advanceTimersByTimeAsync(1);
    expect(lasted).toBe(ms);
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each([0, -5])("of %i ms is over at once", async (ms) => {
    const sleep = systemClock.sleep(ms);
    await vi.advanceTimersByTimeAsync(0);
    await sleep;
  });

  it("lasts for ever when it is to, and ends with the reason of its signal, at any time", async () => {
    const stop = new AbortController();
    const sleep = systemClock.sleep(Infinity, { signal: stop.signal });
    const ended = vi.fn();
    sleep.catch(ended);
    await vi.advanceTimersByTimeAsync(365 * DAY_MS);
    expect(ended).not.toHaveBeenCalled();
    stop.abort(new Error("enough"));
    await expect(sleep).rejects.toThrow("enough");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("does not begin when its signal is aborted already", async () => {
    const signal = AbortSignal.abort(new Error("before"));
    await expect(systemClock.sleep(1_000, { signal })).rejects.toThrow("before");
    expect(vi.getTimerCount()).toBe(0);
  });
});
