import { describe, expect, it } from "vitest";

import { deferred } from "../../../src/util/deferred.ts";
import { untilAborted } from "../../../src/util/until-aborted.ts";

describe("untilAborted", () => {
  it("is the promise's own outcome when nothing is aborted", async () => {
    const { signal } = new AbortController();
    expect(await untilAborted(Promise.resolve(1), signal)).toBe(1);
    expect(await untilAborted(Promise.resolve(2), undefined)).toBe(2);
    await expect(untilAborted(Promise.reject(new Error("failed")), signal)).rejects.toThrow("failed");
  });

  it("rejects with the reason when the signal aborts first, or has aborted before", async () => {
    const controller = new AbortController();
    const waiting = untilAborted(deferred().promise, controller.signal);
    controller.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    await expect(untilAborted(deferred().promise, controller.signal)).rejects.toThrow("enough");
  });

  it("leaves no unhandled rejection when the work fails after the abort", async () => {
    const controller = new AbortController();
    const work = deferred();
    const waiting = untilAborted(work.promise, controller.signal);
    controller.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    work.reject(new Error("too late"));
    await new Promise((resolve) => setImmediate(resolve));
  });
});
