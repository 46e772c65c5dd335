import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { abortedByAny } from "../../../src/util/aborted-by-any.ts";
import { deferred } from "../../../src/util/deferred.ts";

describe("work that any of several signals aborts", () => {
  it.each([0, 1])("is aborted with the reason of signal %i, whichever comes first", async (which) => {
    const sources = [new AbortController(), new AbortController()];
    const aborted = abortedByAny(
      sources.map(({ signal }) => signal),
      (signal) => new Promise((resolve) => signal.addEventListener("abort", () => resolve(signal.reason))),
    );
    sources[which]?.abort("first");
    sources[1 - which]?.abort("second");
    expect(await aborted).toBe("first");
  });

  it("begins aborted where one of them was aborted before", async () => {
    const signals = [new AbortController().signal, AbortSignal.abort("before")];
    expect(await abortedByAny(signals, async ({ reason }) => reason as unknown)).toBe("before");
  });

  it.each([
    ["done", async () => "done"],
    ["failed", () => Promise.reject(new Error("failed"))],
  ])("leaves nothing behind in the signals once it is %s", async (_, end) => {
    const { signal } = new AbortController();
    const gate = deferred();
    const work = abortedByAny([signal], () => gate.promise.then(end));
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    gate.resolve();
    await work.catch(() => undefined);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });
});
