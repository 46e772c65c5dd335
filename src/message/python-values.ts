import { FIRST_MS, LAST_MS, parseIso } from "./iso-datetime.ts";

/*
 * What Kombu's JSON can carry and JavaScript has no type for. Each keeps Python's own text, so that a value that was
 * received and is sent again is the same value in Python.
 */

/** A value that crosses the wire as `{"__type__": kind, "__value__": …}` and is known by its text. */
export abstract class PythonValue {
  /** The `__type__` of its envelope. */
  abstract readonly kind: "date" | "datetime" | "decimal" | "time" | "uuid";
  /** As Python's `str()` and `isoformat()` have it. */
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }

  toJSON(): string {
    return this.text;
  }
}

/** `decimal.Decimal`: every digit is kept, trailing zeros too. */
export class Decimal extends PythonValue {
  readonly kind = "decimal";

  /** Throws RangeError for text that `decimal.Decimal` would not take. */
  constructor(text: string) {
    super(text);
    if (!DECIMAL.test(text)) throw new RangeError(`${quoted(text)} is not a decimal number`);
  }
}

/** `datetime.date`: `2026-11-22`. */
export class PlainDate extends PythonValue {
  readonly kind = "date";

  /** Throws RangeError for a day that is in no calendar. */
  constructor(text: string) {
    super(text);
    if (parseIso(text)?.day !== text) throw new RangeError(`${quoted(text)} is not a date of the form YYYY-MM-DD`);
  }
}

/** `datetime.time`, with its offset if it has one: `15:30:23.660441`. */
export class PlainTime extends PythonValue {
  readonly kind = "time";

  /** Throws RangeError for a time that is on no clock. */
  constructor(text: string) {
    super(text);
    if (parseIso(`2000-01-01T${text}`) === undefined) {
      throw new RangeError(`${quoted(text)} is not a time of the form HH:MM:SS.ffffff`);
    }
  }
}

/** A naive `datetime.datetime`, one without a time zone: it names no instant, so it is no `Date`. */
export class PlainDateTime extends PythonValue {
  readonly kind = "datetime";

  /** Throws RangeError for text that is no date and time, or that has an offset. */
  constructor(text: string) {
    super(text);
    const parsed = parseIso(text);
    if (parsed === undefined || parsed.offset !== undefined) {
      throw new RangeError(`${quoted(text)} is not a date and time of the form YYYY-MM-DDTHH:MM:SS.ffffff`);
    }
  }
}

/** `uuid.UUID`. A UUID in a plain string stays a string, as it does in Python. */
export class Uuid extends PythonValue {
  readonly kind = "uuid";

  /** Takes 32 hexadecimal digits, with or without hyphens; throws RangeError for anything else. */
  constructor(text: string) {
    super(hyphenated(text));
  }

  /** The 32 digits without hyphens. */
  get hex(): string {
    return this.text.replaceAll("-", "");
  }
}

/** An aware `datetime.datetime` that a `Date` cannot hold in full: it has microseconds, or an offset other than UTC. */
export class PreciseDate extends Date {
  readonly #text: string;
  readonly #readMs: number;

  /** Throws RangeError for text without an offset, or that is no date and time. */
  constructor(text: string) {
    const parsed = parseIso(text);
    if (parsed?.offset === undefined) throw new RangeError(`${quoted(text)} is not a date and time with an offset`);
    super(parsed.ms);
    this.#text = text;
    this.#readMs = parsed.ms;
  }

  /** The text it was made from; undefined once the date was set to something else. */
  get text(): string | undefined {
    return this.getTime() === this.#readMs ? this.#text : undefined;
  }
}

/**
 * An instant as Python's `isoformat()` writes it: no fraction when it is zero, six digits otherwise, in UTC unless it was read with
 * another offset. Throws RangeError for an invalid date, and for years that Python does not have.
 */
export function isoFormat(date: Date): string {
  const original = date instanceof PreciseDate ? date.text : undefined;
  if (original !== undefined) return original;
  const ms = date.getTime();
  if (ms === lastFormatted.ms) return lastFormatted.text;
  if (Number.isNaN(ms)) throw new RangeError("an invalid date");
  if (ms < FIRST_MS || ms > LAST_MS)
    throw new RangeError("a date outside the years 1 to 9999, which Python does not have");
  const iso = date.toISOString();
  const text = ms % 1000 === 0 ? `${iso.slice(0, 19)}+00:00` : `${iso.slice(0, 23)}000+00:00`;
  lastFormatted = { ms, text };
  return text;
}

/** Many tasks end within one millisecond. */
let lastFormatted = { ms: NaN, text: "" };

/** The value that Python's `isoformat()` text stands for: a `Date` when it names an instant. Throws RangeError. */
export function dateTimeFrom(text: string): Date | PlainDateTime {
  const parsed = parseIso(text);
  if (parsed?.offset === undefined) return new PlainDateTime(text);
  const isExact = parsed.ms >= FIRST_MS && parsed.ms <= LAST_MS && isoFormat(new Date(parsed.ms)) === text;
  return isExact ? new Date(parsed.ms) : new PreciseDate(text);
}

/** The instant that ISO 8601 text names, a naive one taken as UTC. Throws RangeError. */
export function instantFrom(text: string): Date {
  const parsed = parseIso(text);
  if (parsed === undefined) throw new RangeError(`${quoted(text)} is not a date and time`);
  return new Date(parsed.ms);
}

const DECIMAL = /^[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?|s?nan\d*)$/i;

function hyphenated(text: string): string {
  const hex = text.replaceAll("-", "").toLowerCase();
  if (!/^[0-9a-f]{32}$/.test(hex)) throw new RangeError(`${quoted(text)} is not a UUID`);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Text for an error message, cut short: it may be hostile. */
function quoted(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
