import { describe, expect, it } from "vitest";
import { andThen } from "../../../src/util/and-then.ts";

describe("andThen", () => {
  it("goes on at once with a value that is here", () => {
    expect(andThen(1, (value) => value + 1)).toBe(2);
    expect(andThen(null, (value) => value)).toBeNull();
    expect(() =>
      andThen(1, () => {
        throw new Error("no");
      }),
    ).toThrow("no");
  });

  it("waits for a promise, and for anything else that can be waited for", async () => {
    expect(await andThen(Promise.resolve(1), (value) => value + 1)).toBe(2);
    const thenable: PromiseLike<number> = { then: (...args) => Promise.resolve(2).then(...args) };
    expect(await andThen(thenable, (value) => value + 1)).toBe(3);
    const callable = Object.assign(() => 0, thenable);
    expect(await andThen(callable as PromiseLike<number>, (value) => value + 1)).toBe(3);
    await expect(andThen(Promise.reject<number>(new Error("failed")), (value) => value)).rejects.toThrow("failed");
  });
});
