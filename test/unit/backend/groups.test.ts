import { describe, expect, it } from "vitest";
import { UnreadableResultError } from "../../../src/backend/errors.ts";
import { decodeGroup, encodeGroup, type ResultNode } from "../../../src/backend/groups.ts";

const task = (id: string, parent: ResultNode | null = null): ResultNode => ({ id, parent, members: null });

describe("a group's record", () => {
  it("is Celery's", () => {
    const inner = { id: "inner", parent: task("before"), members: [task("b")] };
    const group = { id: "g", parent: null, members: [task("a"), inner] };
    const text = `{"result": [["g", null], [[["a", null], null], [["inner", [["before", null], null]], [[["b", null], null]]]]]}`;
    expect(JSON.parse(encodeGroup(group))).toEqual(JSON.parse(text));
    expect(decodeGroup(text)).toEqual(group);
  });

  it("may name tasks by their bare ids, and leave out what is null", () => {
    expect(decodeGroup(`{"result": [["g"], ["a", [["b"]], ["c", null]]]}`)).toEqual({
      id: "g",
      parent: null,
      members: [task("a"), task("b"), task("c")],
    });
  });

  it.each(["", "7", "null", "{}", `{"result": 7}`, `{"result": [[7, null], []]}`, `{"result": [["g", null], [[]]]}`])(
    "is unreadable when it is %s",
    (text) => {
      expect(() => decodeGroup(text)).toThrow(UnreadableResultError);
    },
  );
});
