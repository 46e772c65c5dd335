import fc from "fast-check";
import { Decimal, PlainDate, PlainDateTime, PlainTime, PreciseDate, Uuid } from "../../src/message/python-values.ts";

/** Any value that crosses the wire and comes back equal. */
export function wireValue(): fc.Arbitrary<unknown> {
  return fc.letrec<{ value: unknown; list: unknown[]; object: Record<string, unknown> }>((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, leaf(), tie("list"), tie("object")),
    list: fc.array(tie("value"), { maxLength: 4 }),
    object: fc.dictionary(fc.string(), tie("value"), { maxKeys: 4 }),
  })).value;
}

const FIRST = new Date("0001-01-01T00:00:00.000Z");
const LAST = new Date("9999-12-31T23:59:59.999Z");

function leaf(): fc.Arbitrary<unknown> {
  const date = fc.date({ min: FIRST, max: LAST, noInvalidDate: true });
  const micros = date.map((moment) => `${moment.toISOString().slice(0, -1)}401`);
  return fc.oneof(
    fc.constantFrom(null, true, false, NaN, Infinity, -Infinity, -0),
    text(),
    fc.integer(),
    fc.double(),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 200n }),
    date,
    micros.map((moment) => new PlainDateTime(moment)),
    micros.filter((moment) => !/^(0001|9999)/.test(moment)).map((moment) => new PreciseDate(`${moment}-03:30`)),
    date.map((moment) => new PlainDate(moment.toISOString().slice(0, 10))),
    date.map((moment) => new PlainTime(moment.toISOString().slice(11, 23) + "000")),
    fc.tuple(fc.bigInt(), fc.nat(99_999)).map(([whole, fraction]) => new Decimal(`${whole}.${fraction}`)),
    fc.uuid().map((id) => new Uuid(id)),
    fc.uint8Array({ maxLength: 20 }),
    fc.string().map((value) => new TextEncoder().encode(value)),
  );
}

/** Characters that every Unicode version of the last ten years knows, and those that Python writes with a backslash. */
function text(): fc.Arbitrary<string> {
  const character = fc.oneof(
    fc.constantFrom(
      "'",
      '"',
      "\\",
      "\n",
      "\r",
      "\t",
      "\u007f",
      "\u00a0",
      "\u00ad",
      "\u2028",
      "\ufeff",
      "\u{e0001}",
      "😀",
      "é",
    ),
    fc.integer({ min: 0, max: 0x24f }).map((code) => String.fromCharCode(code)),
    fc.integer({ min: 0xd800, max: 0xdfff }).map((code) => String.fromCharCode(code)),
    fc.integer({ min: 0x4e00, max: 0x9fa5 }).map((code) => String.fromCharCode(code)),
  );
  return fc.array(character, { maxLength: 30 }).map((characters) => characters.join(""));
}
