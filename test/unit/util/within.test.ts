import { describe, expect, it } from "vitest";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { deferred } from "../../../src/util/deferred.ts";
import type { Ending } from "../../../src/util/ending.ts";
import { within } from "../../../src/util/within.ts";

const error = (): Error => new Error("too late");

describe("within", () => {
  it("is the outcome of the work when that comes in time, and then nobody waits any longer", async () => {
    const clock = new FakeClock();
    expect(await within({ clock, ms: 10, error }, async () => 1)).toBe(1);
    await expect(within({ clock, ms: 10, error }, () => Promise.reject(new Error("failed")))).rejects.toThrow("failed");
    expect(clock.sleeping).toBe(0);
  });

  it("rejects at the end of the time, and tells the work so", async () => {
    const clock = new FakeClock();
    let told: Ending | undefined;
    const working = within({ clock, ms: 10, error }, (until) => {
      told = until;
      return deferred().promise;
    });
    const outcome = working.catch((reason: unknown) => reason);
    await clock.advance(9);
    expect(told?.isOver).toBe(false);
    await clock.advance(1);
    expect(told?.isOver).toBe(true);
    expect(await outcome).toBe(told?.signal.reason);
  });

  it("rejects with the reason of the caller's signal, and tells the work so", async () => {
    const clock = new FakeClock();
    const off = new AbortController();
    let told: Ending | undefined;
    const working = within({ clock, ms: 10, error, signal: off.signal }, (until) => {
      told = until;
      return deferred().promise;
    });
    off.abort(new Error("request closed"));
    await expect(working).rejects.toThrow("request closed");
    expect(told?.isOver).toBe(true);
    expect(clock.sleeping).toBe(0);
  });

  it("does not begin when the caller's signal has aborted before", async () => {
    const signal = AbortSignal.abort(new Error("before"));
    let begun = false;
    const working = within({ clock: new FakeClock(), ms: 10, error, signal }, async () => (begun = true));
    await expect(working).rejects.toThrow("before");
    expect(begun).toBe(false);
  });

  it("aborts nothing once the work has ended", async () => {
    const clock = new FakeClock();
    const off = new AbortController();
    let told: Ending | undefined;
    await within({ clock, ms: 10, error, signal: off.signal }, async (until) => void (told = until));
    off.abort();
    await clock.advance(100);
    expect(told?.isOver).toBe(false);
  });

  it("is a rejection when the work throws before it returns a promise", async () => {
    const clock = new FakeClock();
    const work = (): Promise<never> => {
      throw new Error("at once");
    };
    await expect(within({ clock, ms: 10, error }, work)).rejects.toThrow("at once");
    expect(clock.sleeping).toBe(0);
  });
});
