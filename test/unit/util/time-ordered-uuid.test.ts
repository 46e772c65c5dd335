import { describe, expect, it } from "vitest";
import { timeOrderedUuid } from "../../../src/util/time-ordered-uuid.ts";

describe("a time-ordered UUID", () => {
  it("is of version 7 and of RFC 9562's variant, and begins with its time", () => {
    expect(timeOrderedUuid(0x017f22e279b0)).toMatch(/^017f22e2-79b0-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it("is never the same twice, and greater than those of earlier milliseconds", () => {
    const ids = Array.from({ length: 1_000 }, (_, now) => [timeOrderedUuid(now), timeOrderedUuid(now)].sort()).flat();
    expect(new Set(ids).size).toBe(2_000);
    expect(ids.toSorted()).toEqual(ids);
  });

  it("has its full length at any time", () => {
    expect(timeOrderedUuid(0)).toHaveLength(36);
    expect(timeOrderedUuid(2 ** 48 - 1)).toMatch(/^ffffffff-ffff-7/);
  });
});
