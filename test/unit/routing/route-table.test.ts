import { describe, expect, it } from "vitest";

import { queuesFor } from "../../../src/routing/route-table.ts";
import type { Binding } from "../../../src/routing/topology.ts";

const bindings: readonly Binding[] = [
  { exchange: "x", queue: "one", routingKey: "a.b" },
  { exchange: "x", queue: "two", routingKey: "a.*" },
  { exchange: "x", queue: "one", routingKey: "*.b" },
];

describe("queuesFor", () => {
  it("takes equal keys for a direct exchange, where a star is only a character", () => {
    expect(queuesFor("direct", bindings, "a.b")).toEqual(["one"]);
    expect(queuesFor("direct", bindings, "a.*")).toEqual(["two"]);
    expect(queuesFor("direct", bindings, "a")).toEqual([]);
  });

  it("takes patterns for a topic exchange, and names each queue once", () => {
    expect(queuesFor("topic", bindings, "a.b")).toEqual(["one", "two"]);
    expect(queuesFor("topic", bindings, "c.b")).toEqual(["one"]);
    expect(queuesFor("topic", bindings, "c")).toEqual([]);
  });

  it("takes every queue once for a fanout exchange", () => {
    expect(queuesFor("fanout", bindings, "")).toEqual(["one", "two"]);
    expect(queuesFor("fanout", [], "a.b")).toEqual([]);
  });
});
