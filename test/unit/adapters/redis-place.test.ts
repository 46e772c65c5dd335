import { expect, it } from "vitest";
import { envelopeIn, fenceOf, formatPlace, parsePlace, unackedTail } from "../../../src/adapters/redis/store/place.ts";

const ID = "celeriac-11111111-2222-4333-8444-555555555555-1795395700000000";

it.each([
  { id: ID, step: 0, queue: "celery" },
  { id: ID, step: 9, queue: "a:b#3:c\n\0" },
  { id: ID, step: 3, queue: "ünï🙂", key: "a key: #1" },
  { id: ID, step: 6, queue: "", key: "" },
] as const)("a place is what it was made of: %j", (place) => {
  expect(parsePlace(formatPlace(place))).toEqual(place);
});

it.each(["", "5", "1:2", "nonsense", "a:1:queue", "a:0"])("%j is no place", (text) => {
  expect(parsePlace(text)).toBeUndefined();
});

it("a place of what is handed out tells the fence", () => {
  expect(fenceOf({ id: ID, step: 0, queue: "q" })).toBe(1_795_395_700_000_000);
});

it.each(["celery", 'with "quotes"', ',"","x"]'])(
  "the envelope in a value of queue %j is the one that was put there",
  (queue) => {
    const envelope = '{"body":",\\"\\",\\"","headers":{"a":["","",""]}}';
    expect(envelopeIn(`[${envelope}${unackedTail(queue)}`, queue)).toBe(envelope);
  },
);
