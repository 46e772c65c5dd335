import { describe, expect, it } from "vitest";
import { suggest } from "../../../src/util/suggest.ts";

const NAMES = ["taskDefaultQueue", "taskRoutes", "broker", "resultBackend", "resultExpires", "include"];

describe("suggest", () => {
  it.each([
    ["taskDefualtQueue", "taskDefaultQueue"],
    ["task_default_queue", "taskDefaultQueue"],
    ["TASKROUTES", "taskRoutes"],
    ["taskRoute", "taskRoutes"],
    ["brokr", "broker"],
    ["borker", "broker"],
    ["inclued", "include"],
    ["backend", "resultBackend"],
  ])("takes %s for %s", (name, meant) => {
    expect(suggest(name, NAMES)).toBe(meant);
  });

  it.each(["", "x", "colour", "somethingElseAltogether", "x".repeat(100_000)])(
    "has no idea what %.20s means",
    (name) => {
      expect(suggest(name, NAMES)).toBeUndefined();
    },
  );

  it("prefers the nearest, and of equals the first", () => {
    expect(suggest("cat", ["cart", "cat", "bat"])).toBe("cat");
    expect(suggest("cat", ["bat", "rat"])).toBe("bat");
  });
});
