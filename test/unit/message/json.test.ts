import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EncodeError, UnreadableMessageError } from "../../../src/message/errors.ts";
import { decodeJson, EncodedJson, encodeJson, MAX_DEPTH } from "../../../src/message/json.ts";
import { Decimal, PlainDate, PlainDateTime, PlainTime, PreciseDate, Uuid } from "../../../src/message/python-values.ts";
import { wireValue } from "../../support/wire-value.ts";

const typed = (type: string, value: unknown): string => JSON.stringify({ __type__: type, __value__: value });
const nested = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);

function nestedArray(levels: number): unknown[] {
  let value: unknown[] = [];
  for (let level = 1; level < levels; level++) value = [value];
  return value;
}

describe("encoding", () => {
  it("writes plain values as JSON.stringify does", () => {
    const value = { text: 'é"\n', list: [1, -2.5, true, null], nested: { empty: {} } };
    expect(encodeJson(value)).toBe(JSON.stringify(value));
  });

  it("leaves undefined properties out and makes other undefined values null, on both paths", () => {
    expect(encodeJson({ a: undefined, b: [undefined, 1] })).toBe('{"b":[null,1]}');
    expect(encodeJson({ a: undefined, b: [undefined, 1n] })).toBe('{"b":[null,1]}');
    expect(encodeJson(undefined)).toBe("null");
  });

  it.each([
    [NaN, "NaN"],
    [Infinity, "Infinity"],
    [-Infinity, "-Infinity"],
    [-0, "-0.0"],
    [10n ** 30n, `1${"0".repeat(30)}`],
    [2 ** 53, "9007199254740992.0"],
    [1e300, "1e+300"],
    [new Date("2026-01-02T03:04:05Z"), typed("datetime", "2026-01-02T03:04:05+00:00")],
    [new Date("2026-01-02T03:04:05.678Z"), typed("datetime", "2026-01-02T03:04:05.678000+00:00")],
    [new Date("0001-01-01T00:00:00Z"), typed("datetime", "0001-01-01T00:00:00+00:00")],
    [new PlainDate("2026-01-02"), typed("date", "2026-01-02")],
    [new PlainTime("03:04:05.6"), typed("time", "03:04:05.6")],
    [new PlainDateTime("2026-01-02T03:04:05"), typed("datetime", "2026-01-02T03:04:05")],
    [new Decimal("1.50"), typed("decimal", "1.50")],
    [new Uuid("11111111222243338444555555555555"), typed("uuid", { hex: "11111111222243338444555555555555" })],
    [new TextEncoder().encode("é"), typed("bytes", "é")],
    [Buffer.from([0xff]), typed("base64", "/w==")],
    [new URL("http://localhost/"), '"http://localhost/"'],
    [Object.assign(Object.create(null) as object, { a: 1n }), '{"a":1}'],
  ])("writes %s as Kombu reads it", (value, text) => {
    expect(encodeJson([value])).toBe(`[${text}]`);
  });

  it("inserts a value that is encoded already as it is", () => {
    expect(encodeJson({ result: new EncodedJson('{"a": NaN}') })).toBe('{"result":{"a": NaN}}');
  });

  it("writes the same object twice when it stands in two places", () => {
    const shared = { n: 1n };
    expect(encodeJson([shared, shared])).toBe('[{"n":1},{"n":1}]');
  });

  class Point {
    x = 1;
  }
  const circle: Record<string, unknown> = {};
  circle["self"] = [circle];
  const broken = { toJSON: (): never => { throw new Error("no"); } }; // prettier-ignore

  it.each([
    [{ a: [{ b: (): void => undefined }] }, "args.a[0].b", "a function"],
    [[Symbol("s")], "args[0]", "a symbol"],
    [{ "a-b": new Map() }, 'args["a-b"]', "an instance of Map"],
    [[new Set()], "args[0]", "an instance of Set"],
    [[new Point()], "args[0]", "an instance of Point"],
    [[new Error("x")], "args[0]", "an instance of Error"],
    [[Object.create(Object.create(Object.create(null) as object) as object)], "args[0]", "a nameless class"],
    [[new Float64Array(1)], "args[0]", "an instance of Float64Array"],
    [circle, "args.self[0]", "contains itself"],
    [[new Date(NaN)], "args[0]", "an invalid date"],
    [[new Date(-1e15)], "args[0]", "years 1 to 9999"],
    [[10n ** 4300n], "args[0]", "4300 digits"],
    [[broken], "args[0]", "toJSON\\(\\) threw Error: no"],
    [[{ __type__: "datetime", __value__: "now" }], "args[0]", "taken for one of Kombu's typed values"],
    [nestedArray(MAX_DEPTH + 1), `args${"[0]".repeat(MAX_DEPTH)}`, "nested deeper"],
  ])("refuses what cannot cross the wire, and says where it stands: %#", (value, path, what) => {
    const error = thrownBy(() => encodeJson(value, "args"));
    expect(error).toBeInstanceOf(EncodeError);
    expect(error).toMatchObject({ path });
    expect((error as Error).message).toMatch(new RegExp(what));
  });

  it("takes exactly the depth that can be read where it stands in a message", () => {
    const text = `[${encodeJson(nestedArray(MAX_DEPTH))}]`;
    expect(text).toBe(nested(MAX_DEPTH + 1));
    expect(decodeJson(text)).toEqual([nestedArray(MAX_DEPTH)]);
  });
});

describe("decoding", () => {
  it.each([
    ["NaN", NaN],
    ["-Infinity", -Infinity],
    ["9007199254740991", 9007199254740991],
    ["9007199254740992", 9007199254740992n],
    ["-12345678901234567890", -12345678901234567890n],
    ["12345678901234567890.0", 12345678901234567890],
    ["12345678901234567890e1", 123456789012345678900],
    ["0.12345678901234567890", 0.12345678901234568],
    ["1e999", Infinity],
    ['"1234567890123456789\\n\\ud83d\\ude00"', "1234567890123456789\n😀"],
    [' [ 1 , { "a" : NaN } ] ', [1, { a: NaN }]],
    ['"\\u0061\\\\"', "a\\"],
    [typed("datetime", "2026-01-02T03:04:05Z"), new Date("2026-01-02T03:04:05Z")],
    [typed("bytes", "é"), new TextEncoder().encode("é")],
    [typed("base64", "/w=="), new Uint8Array([0xff])],
    [String.raw`{"\u005f_type__": "decimal", "__value__": "1"}`, new Decimal("1")],
    ['{"__type__": "mine", "other": 1}', { __type__: "mine", other: 1 }],
    ['{"__type__": "mine", "__value__": 1, "other": 1}', { __type__: "mine", __value__: 1, other: 1 }],
    ['{"a": NaN, "a": 2}', { a: 2 }],
  ])("reads %s", (text, value) => {
    expect(decodeJson(text)).toEqual(value);
  });

  it("keeps apart what JavaScript has one type for", () => {
    expect(decodeJson(typed("datetime", "2026-01-02T03:04:05.678000+00:00"))?.constructor).toBe(Date);
    expect(decodeJson(typed("datetime", "2026-01-02T03:04:05.678001+00:00"))).toBeInstanceOf(PreciseDate);
    expect(decodeJson(typed("datetime", "2026-01-02T03:04:05.678000"))).toBeInstanceOf(PlainDateTime);
    expect(decodeJson(typed("uuid", { hex: "1".repeat(32) }))).toBeInstanceOf(Uuid);
  });

  it.each(['{"__proto__": {"polluted": 1}}', '{"__proto__": {"polluted": 1}, "n": NaN}'])(
    "makes __proto__ a property like any other: %s",
    (text) => {
      const value = decodeJson(text) as object;
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
      expect(Object.hasOwn(value, "__proto__")).toBe(true);
      expect(value).not.toHaveProperty("polluted");
      expect({}).not.toHaveProperty("polluted");
      expect(encodeJson(value)).toBe(text.replaceAll(" ", ""));
    },
  );

  it.each([
    "",
    "{",
    "[1,]",
    "[1 2]",
    '{"a"}',
    "{1: 2}",
    '{"a": 1,}',
    '"abc',
    '"\\',
    '"\\x"',
    '"a\u0001"',
    "nan",
    "+1",
    "01",
    ".5",
    "1.",
    "-",
    "--1",
    "[NaN",
    "NaN NaN",
    "\ufeff1",
    "9".repeat(5000),
    nested(MAX_DEPTH + 2),
    `[NaN, ${nested(MAX_DEPTH + 1)}]`,
    "[".repeat(1_000_000),
    '{"a":'.repeat(1_000_000),
    `NaN${"[".repeat(1_000_000)}`,
    `[NaN, "${"\\\\".repeat(1_000_000)}`,
    typed("pickle", "gA=="),
    '{"__type__": {"a": 1}, "__value__": 1}',
    typed("constructor", "x"),
    typed("datetime", "2026-02-30T00:00:00"),
    typed("datetime", "0000-01-01T00:00:00"),
    typed("datetime", "2026-01-01T24:00:00"),
    typed("datetime", "2026-01-01T00:00:00+24:00"),
    typed("datetime", 5),
    typed("datetime", null),
    typed("date", "2026-01-02T00:00:00"),
    typed("time", "25:00"),
    typed("decimal", "1,5"),
    typed("decimal", 1.5),
    typed("uuid", "1".repeat(32)),
    typed("uuid", null),
    typed("uuid", { hex: "xyz" }),
    typed("bytes", "\ud800"),
    typed("base64", "/w="),
    typed("base64", "/w==\n"),
  ])("refuses what Python's writer would not write: %#", (text) => {
    expect(thrownBy(() => decodeJson(text))).toBeInstanceOf(UnreadableMessageError);
  });

  it("reads long strings and long lists in full on the slow path", () => {
    const long = "x\\n".repeat(2_000_000);
    expect(decodeJson(`[NaN, "${long}"]`)).toEqual([NaN, "x\n".repeat(2_000_000)]);
    expect(decodeJson(`[NaN${", 1".repeat(200_000)}]`)).toHaveLength(200_001);
  });
});

describe("a round trip", () => {
  it("gives back every value that can be sent", () => {
    fc.assert(
      fc.property(wireValue(), (value) => {
        const text = encodeJson(value);
        const back = decodeJson(text);
        expect(back).toEqual(value);
        expect(encodeJson(back)).toBe(text);
      }),
    );
  });

  it("reads plain JSON as JSON.parse does, where both can", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(encodeJson(decodeJson(text))).toBeTypeOf("string");
        expect(decodeJson(`[NaN,${text}]`)).toEqual([NaN, decodeJson(text)]);
      }),
    );
  });

  it("of arbitrary text ends in a value or in UnreadableMessageError", () => {
    const fragments = fc.constantFrom(
      ...Array.from('[]{},:"\\ \n-0.9eE'),
      "NaN",
      "Infinity",
      "true",
      '"__type__"',
      '"__value__"',
      '"uuid"',
      "12345678901234567",
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(fragments).map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(text, (input) => {
        const error = thrownBy(() => decodeJson(input));
        if (error !== undefined) expect(error).toBeInstanceOf(UnreadableMessageError);
      }),
      { numRuns: 2000 },
    );
  });
});

function thrownBy(run: () => unknown): unknown {
  try {
    run();
    return undefined;
  } catch (error) {
    return error;
  }
}
