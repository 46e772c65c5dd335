import { parseIso } from "./iso-datetime.ts";
import type { IsoDateTime } from "./iso-datetime.ts";

/** Python's `repr` of a `str`. CPython: `Objects/unicodeobject.c:unicode_repr`. */
export function strLiteral(value: string): string {
  const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
  if (PRINTABLE_ASCII.test(value)) return quote + value + quote;
  return (
    quote +
    value.replace(SPECIAL, (character) =>
      character === '"' || character === "'" ? escapeQuote(character, quote) : escape(character),
    ) +
    quote
  );
}

/** Python's `repr` of a `bytes`. */
export function bytesLiteral(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(/[^ -~]|[\\'"]/g, (character) =>
    character === '"' || character === "'" ? escapeQuote(character, quote) : escape(character),
  );
  return `b${quote}${escaped}${quote}`;
}

/** Python's `repr` of the number as it is sent: an int where it is a whole number that is exact, a float otherwise. */
export function numberLiteral(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0.0";
  if (Number.isSafeInteger(value)) return String(value);
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e16) return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** Python's `repr` of the `datetime.datetime` with this `isoformat()`. */
export function dateTimeLiteral(iso: string): string {
  const parsed = parseIso(iso);
  return parsed === undefined ? iso : `datetime.datetime(${dayOf(parsed)}, ${timeOf(parsed)})`;
}

export function dateLiteral(iso: string): string {
  const parsed = parseIso(iso);
  return parsed === undefined ? iso : `datetime.date(${dayOf(parsed)})`;
}

export function timeLiteral(iso: string): string {
  const parsed = parseIso(`2000-01-01T${iso}`);
  return parsed === undefined ? iso : `datetime.time(${timeOf(parsed)})`;
}

const PRINTABLE_ASCII = /^[ !#-&(-[\]-~]*$/;
/** What Python does not print: `str.isprintable` is false for the Unicode categories C and Z, the blank apart. */
const SPECIAL = /[\\'"]|(?! )[\p{C}\p{Z}]/gu;

function escapeQuote(character: string, quote: string): string {
  return character === quote ? `\\${character}` : character;
}

const SHORT_ESCAPES: ReadonlyMap<string, string> = new Map([
  ["\\", "\\\\"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
]);

function escape(character: string): string {
  const short = SHORT_ESCAPES.get(character);
  if (short !== undefined) return short;
  const code = (character.codePointAt(0) ?? 0).toString(16);
  if (code.length <= 2) return `\\x${code.padStart(2, "0")}`;
  return code.length <= 4 ? `\\u${code.padStart(4, "0")}` : `\\U${code.padStart(8, "0")}`;
}

function dayOf({ day }: IsoDateTime): string {
  return day.split("-").map(Number).join(", ");
}

/** Seconds and microseconds are left out from the end while they are zero. */
function timeOf({ hour, minute, second, microsecond, offset }: IsoDateTime): string {
  const parts = [hour, minute];
  if (second + microsecond > 0) parts.push(second);
  if (microsecond > 0) parts.push(microsecond);
  return parts.join(", ") + (offset === undefined ? "" : `, tzinfo=${zoneLiteral(offset)}`);
}

/** A negative `timedelta` is a day back and the rest forward. */
function zoneLiteral(offset: number): string {
  if (offset === 0) return "datetime.timezone.utc";
  const delta = offset < 0 ? `days=-1, seconds=${86_400 + offset}` : `seconds=${offset}`;
  return `datetime.timezone(datetime.timedelta(${delta}))`;
}
