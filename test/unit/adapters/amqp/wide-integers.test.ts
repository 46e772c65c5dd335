import { expect, it } from "vitest";
import { wideIntegers } from "../../../../src/adapters/amqp/wide-integers.ts";

it("writes integers that amqplib would write in 16 bits, or with a sign in 8, in 32", () => {
  const wide = (value: number): unknown => ({ "!": "int", value });
  const headers = { clock: 128, least: -0x8000, minus: -1, most: 0x7fff, deep: { list: [300, "300"] } };
  expect(wideIntegers(headers)).toEqual({
    ...{ clock: wide(128), least: wide(-0x8000), minus: wide(-1), most: wide(0x7fff) },
    deep: { list: [wide(300), "300"] },
  });
});

it("leaves all else, the object itself too", () => {
  const headers = {
    ...{ zero: 0, byte: 127, long: 0x8000, big: -0x8001, half: 0.5, text: "128", none: null, absent: undefined },
    ...{ timelimit: [null, 10], stamps: {}, said: { "!": "timestamp", value: 128 }, bytes: Buffer.from([200]) },
  };
  expect(wideIntegers(headers)).toBe(headers);
});
