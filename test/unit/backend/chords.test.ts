import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodePart, encodePart, partPrefix } from "../../../src/backend/chords.ts";
import { UnreadableResultError } from "../../../src/backend/errors.ts";
import { EncodedJson } from "../../../src/message/json.ts";

describe("a part of a chord", () => {
  it("is Celery's text, blank by blank", () => {
    expect(encodePart({ taskId: "id", state: "SUCCESS", result: 3 })).toBe('[1, "id", "SUCCESS", 3]');
    expect(encodePart({ taskId: "id", state: "SUCCESS", result: new EncodedJson("[1, 2]") })).toBe(
      '[1, "id", "SUCCESS", [1, 2]]',
    );
  });

  it("comes back as it was, and begins with its task", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.jsonValue(), (taskId, state, value) => {
        const part = { taskId, state, result: JSON.parse(JSON.stringify(value)) as unknown };
        const text = encodePart(part);
        expect(decodePart(text)).toEqual(part);
        expect(text.startsWith(partPrefix(taskId))).toBe(true);
      }),
    );
  });

  it.each(["", "[", "{}", "[1, 2, 3]", '[1, "id"]', "null"])("is unreadable when it is %s", (text) => {
    expect(() => decodePart(text)).toThrow(UnreadableResultError);
  });
});
