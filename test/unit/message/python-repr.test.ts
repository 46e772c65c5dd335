import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EncodedJson } from "../../../src/message/json.ts";
import { MAX_REPR_LENGTH, pythonRepr, reprArgs, reprKwargs } from "../../../src/message/python-repr.ts";
import { Decimal, PlainDate, PlainDateTime, PlainTime, PreciseDate, Uuid } from "../../../src/message/python-values.ts";
import { wireValue } from "../../support/wire-value.ts";

describe("the Python form of arguments", () => {
  it("is a tuple, with a comma after its only member, and a dict", () => {
    expect(reprArgs([])).toBe("()");
    expect(reprArgs([1])).toBe("(1,)");
    expect(reprArgs([2, "a"])).toBe("(2, 'a')");
    expect(reprKwargs({})).toBe("{}");
    expect(reprKwargs({ z: null, gone: undefined, "a b": [true, false] })).toBe("{'z': None, 'a b': [True, False]}");
  });

  const NUL = String.fromCharCode(0);

  it.each<readonly [unknown, string]>([
    ["it's", `"it's"`],
    ['"', `'"'`],
    [`'"`, `'\\'"'`],
    ["\\", "'\\\\'"],
    [`\n\r\t${NUL}\u007f`, "'\\n\\r\\t\\x00\\x7f'"],
    ["\u00a0\u2028\ufeff\u{e0001}\ud800", "'\\xa0\\u2028\\ufeff\\U000e0001\\ud800'"],
    ["é 😀", "'é 😀'"],
    [1.5, "1.5"],
    [-0, "-0.0"],
    [1e16, "1e+16"],
    [2 ** 53, "9007199254740992.0"],
    [0.0001, "0.0001"],
    [0.00001, "1e-05"],
    [1e-300, "1e-300"],
    [1.25e-10, "1.25e-10"],
    [NaN, "nan"],
    [-Infinity, "-inf"],
    [2n ** 64n, "18446744073709551616"],
    [undefined, "None"],
    [new TextEncoder().encode("a'\n"), `b"a'\\n"`],
    [new Date("2026-01-02T03:00:00Z"), "datetime.datetime(2026, 1, 2, 3, 0, tzinfo=datetime.timezone.utc)"],
    [
      new PreciseDate("2026-01-02T03:04:00.000005-03:30"),
      "datetime.datetime(2026, 1, 2, 3, 4, 0, 5, tzinfo=datetime.timezone(datetime.timedelta(days=-1, seconds=73800)))",
    ],
    [new PlainDateTime("2026-01-02T03:04:05"), "datetime.datetime(2026, 1, 2, 3, 4, 5)"],
    [new PlainDate("2026-01-02"), "datetime.date(2026, 1, 2)"],
    [new PlainTime("03:04"), "datetime.time(3, 4)"],
    [new Decimal("1.50"), "Decimal('1.50')"],
    [new Uuid("1".repeat(32)), "UUID('11111111-1111-1111-1111-111111111111')"],
    [new EncodedJson('{"a": 1}'), '{"a": 1}'],
    [new URL("http://localhost/"), "'http://localhost/'"],
    [new Date(NaN), "<invalid date>"],
    [new Map(), "<Map>"],
    [Symbol("s"), "<symbol>"],
  ])("prints %s as Python does", (value, text) => {
    expect(pythonRepr(value)).toBe(text);
  });

  it("is cut with its brackets closed, and says that something is left out", () => {
    const numbers = pythonRepr({ list: Array.from({ length: 10_000 }, () => 1234) });
    expect(numbers).toMatch(/^\{'list': \[1234, 1234, .* 1234, \.\.\.\]\}$/);
    expect(numbers.length).toBeLessThanOrEqual(MAX_REPR_LENGTH);
    expect(reprArgs(["x".repeat(5000), 1])).toMatch(/^\('x{1000,}\.\.\.'\)$/);
    expect(pythonRepr(new Uint8Array(5000))).toMatch(/^b'(\\x00){200,}.{0,3}\.\.\.'$/);
  });

  it("does not cut a character in two, nor lose half a character that stands alone", () => {
    for (const lead of ["", "x"]) {
      expect(pythonRepr(lead + "😀".repeat(2000))).not.toMatch(/\p{Surrogate}|\\u/u);
    }
    expect(pythonRepr("a\ud83d")).toBe("'a\\ud83d'");
  });

  it("looks at no more than it shows", () => {
    let read = 0;
    const counting = { get item(): string { read += 1; return "some text"; } }; // prettier-ignore
    pythonRepr(Array.from({ length: 100_000 }, () => counting));
    expect(read).toBeLessThan(MAX_REPR_LENGTH);
  });

  it("comes to an end for what contains itself, or is endlessly deep", () => {
    const circle: unknown[] = [];
    circle.push(circle, circle);
    expect(pythonRepr(circle).length).toBeLessThanOrEqual(MAX_REPR_LENGTH);
    const endless = { toJSON: (): unknown => ({ ...endless }) };
    expect(pythonRepr(endless).length).toBeLessThanOrEqual(MAX_REPR_LENGTH);
  });

  it("is never longer than its bound", () => {
    fc.assert(
      fc.property(fc.array(wireValue(), { minLength: 5, maxLength: 40 }), (args) => {
        const text = reprArgs(args);
        expect(text.length).toBeLessThanOrEqual(MAX_REPR_LENGTH);
        expect(text.startsWith("(") && text.endsWith(")")).toBe(true);
      }),
    );
  });
});
