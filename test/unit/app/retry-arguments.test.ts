import { describe, expect, it } from "vitest";
import { withMergedArguments } from "../../../src/app/retry-arguments.ts";

const PARAMS = ["x", "y", "z?"];

describe("the arguments of a retry", () => {
  it("that are given by position displace those of the call's that were given by name, and no others", () => {
    const call = { args: [], kwargs: { x: 1, y: 2, z: 3 } };
    expect(withMergedArguments({ args: [7, 8] }, call, PARAMS)).toEqual({ args: [7, 8], kwargs: { z: 3 } });
  });

  it("that are given by name take the place of those of the call's that were given by position", () => {
    const call = { args: [1, 2], kwargs: { z: 3 } };
    expect(withMergedArguments({ kwargs: { y: 8, z: 9 } }, call, PARAMS)).toEqual({ args: [1, 8], kwargs: { z: 9 } });
  });

  it("that are given in both ways, or not at all, are as they were given", () => {
    const call = { args: [1], kwargs: { y: 2 } };
    const changes = { args: [7], kwargs: { x: 8 } };
    expect(withMergedArguments(changes, call, PARAMS)).toBe(changes);
    expect(withMergedArguments({ priority: 3 }, call, PARAMS)).toEqual({ priority: 3 });
  });

  it("of a task without names stay beside each other", () => {
    expect(withMergedArguments({ args: [7] }, { args: [], kwargs: { x: 1 } })).toEqual({ args: [7], kwargs: { x: 1 } });
  });
});
