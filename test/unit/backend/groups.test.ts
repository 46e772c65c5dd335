import { describe, expect, it } from "vitest";
import { UnreadableResultError } from "../../../src/backend/errors.ts";
import { decodeGroup, encodeGroup, tupleOf, type ResultNode } from "../../../src/backend/groups.ts";

const task = (id: string, parent: ResultNode | null = null): ResultNode => ({ id, parent, members: null });

describe("a group's record", () => {
  it("is Celery's", () => {
    const inner = { id: "inner", parent: task("before"), members: [task("b")] };
    const group = { id: "g", parent: null, members: [task("a"), inner] };
    const text = `{"result": [["g", null], [[["a", null], null], [["inner", [["before", null], null]], [[["b", null], null]]]]]}`;
    expect(JSON.parse(encodeGroup(group))).toEqual(JSON.parse(text));
    expect(decodeGroup(text)).toEqual(group);
  });

  it("of a chain of any length is written without end", () => {
    let node = task("0");
    for (let step = 1; step <= 50_000; step += 1) node = task(String(step), node);
    expect(tupleOf(node)).toMatchObject([["50000", [["49999", [["49998", expect.anything()], null]], null]], null]);
  });

  it("has at most some 250 steps before a task: JSON is nested no deeper", () => {
    const chainOf = (steps: number): ResultNode => {
      let node = task("0");
      for (let step = 1; step < steps; step += 1) node = task(String(step), node);
      return node;
    };
    const group = { id: "g", parent: null, members: [chainOf(245)] };
    expect(decodeGroup(encodeGroup(group))).toEqual(group);
    expect(() => encodeGroup({ ...group, members: [chainOf(255)] })).toThrow("nested deeper than 500 levels");
  });

  it("may name tasks by their bare ids, and leave out what is null", () => {
    expect(decodeGroup(`{"result": [["g"], ["a", [["b"]], ["c", null]]]}`)).toEqual({
      id: "g",
      parent: null,
      members: [task("a"), task("b"), task("c")],
    });
  });

  it.each([
    "",
    "7",
    "null",
    "{}",
    `{"result": 7}`,
    `{"result": [[7, null], []]}`,
    `{"result": [["g", null], [[]]]}`,
    `{"result": [["g", null], null]}`,
  ])("is unreadable when it is %s", (text) => {
    expect(() => decodeGroup(text)).toThrow(UnreadableResultError);
  });
});
