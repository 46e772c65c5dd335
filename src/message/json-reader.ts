import { UnreadableMessageError } from "./errors.ts";
import { toError } from "../util/errors.ts";
import { dateTimeFrom, Decimal, PlainDate, PlainTime, Uuid } from "./python-values.ts";

/** Reads Kombu's JSON in full; `decodeJson` comes here with texts that `JSON.parse` would refuse or get wrong. Throws UnreadableMessageError. */
export function readJson(text: string, maxDepth: number): unknown {
  return new JsonReader(text, maxDepth).read();
}

class JsonReader {
  readonly #text: string;
  #at = 0;
  /** Levels that may still be opened. */
  #levels: number;

  constructor(text: string, maxDepth: number) {
    this.#text = text;
    this.#levels = maxDepth;
  }

  read(): unknown {
    const value = this.#value();
    this.#skipBlanks();
    if (this.#at < this.#text.length) this.#fail("there is text after its end");
    return value;
  }

  #value(): unknown {
    this.#skipBlanks();
    switch (this.#text[this.#at]) {
      case "{":
        return this.#nested(() => this.#object());
      case "[":
        return this.#nested(() => this.#array());
      case '"':
        return this.#string();
      default:
        return this.#literal();
    }
  }

  #nested(container: () => unknown): unknown {
    if (this.#levels === 0) this.#fail("it is nested too deep");
    this.#levels -= 1;
    this.#at += 1;
    const value = container();
    this.#levels += 1;
    return value;
  }

  #array(): unknown[] {
    const items: unknown[] = [];
    if (this.#takes("]")) return items;
    do items.push(this.#value());
    while (this.#takes(","));
    this.#expect("]");
    return items;
  }

  #object(): unknown {
    const properties: Record<string, unknown> = {};
    if (this.#takes("}")) return properties;
    do {
      this.#skipBlanks();
      const key = this.#string();
      this.#expect(":");
      define(properties, key, this.#value());
    } while (this.#takes(","));
    this.#expect("}");
    return isEnvelope(properties) ? open(properties) : properties;
  }

  #string(): string {
    if (this.#text[this.#at] !== '"') this.#fail("a string is expected");
    const start = this.#at;
    const end = endOfString(this.#text, start);
    if (end === -1) this.#fail("a string has no end");
    this.#at = end;
    try {
      return JSON.parse(this.#text.slice(start, end)) as string;
    } catch {
      return this.#fail("a string has a bad escape or a control character");
    }
  }

  #literal(): unknown {
    LITERAL.lastIndex = this.#at;
    const match = LITERAL.exec(this.#text);
    if (match === null) this.#fail("a value is expected");
    this.#at = LITERAL.lastIndex;
    const [literal, fraction] = match;
    const word = WORDS.get(literal);
    if (word !== undefined) return word;
    return fraction === undefined ? this.#integer(literal) : Number(literal);
  }

  #integer(digits: string): number | bigint {
    if (digits.length > MAX_INTEGER_DIGITS) this.#fail("an integer is longer than Python reads");
    const number = Number(digits);
    return Number.isSafeInteger(number) ? number : BigInt(digits);
  }

  #takes(character: string): boolean {
    this.#skipBlanks();
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #expect(character: string): void {
    if (!this.#takes(character)) this.#fail(`"${character}" is expected`);
  }

  #skipBlanks(): void {
    BLANKS.lastIndex = this.#at;
    BLANKS.test(this.#text);
    this.#at = BLANKS.lastIndex;
  }

  #fail(what: string): never {
    throw new UnreadableMessageError(`its JSON is broken: ${what} at character ${this.#at}`);
  }
}

/**
 * The place after the closing quote of the string that starts at `start`, or -1 when it has none. Finds what a regular expression
 * would, which runs out of stack on a long string.
 */
export function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote !== -1; quote = text.indexOf('"', quote + 1)) {
    let backslash = quote - 1;
    while (text[backslash] === "\\") backslash -= 1;
    if ((quote - backslash) % 2 === 1) return quote + 1;
  }
  return -1;
}

const BLANKS = /[ \t\n\r]*/y;
/** The group is set for a float. */
const LITERAL = /-?(?:Infinity|(?:0|[1-9]\d*)((?:\.\d+)?[eE][+-]?\d+|\.\d+)?)|NaN|true|false|null/y;
const WORDS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ["true", true],
  ["false", false],
  ["null", null],
  ["NaN", NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
]);
/** Python: `sys.int_info.default_max_str_digits`, and the sign. */
const MAX_INTEGER_DIGITS = 4301;

/** Assigning to `__proto__` would set the prototype; this makes it a property. */
function define(properties: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== "__proto__") properties[key] = value;
  else Object.defineProperty(properties, key, { value, writable: true, enumerable: true, configurable: true });
}

function isEnvelope(properties: Readonly<Record<string, unknown>>): boolean {
  return (
    Object.hasOwn(properties, "__type__") &&
    Object.hasOwn(properties, "__value__") &&
    Object.keys(properties).length === 2
  );
}

/** Kombu: `kombu/utils/json.py:object_hook`, which refuses unknown types too. */
function open(envelope: Readonly<Record<string, unknown>>): unknown {
  const type = envelope["__type__"];
  const decode = typeof type === "string" ? ENVELOPES.get(type) : undefined;
  if (decode === undefined) throw new UnreadableMessageError(`its JSON has a value of unknown __type__ ${short(type)}`);
  try {
    return decode(envelope["__value__"]);
  } catch (error) {
    throw new UnreadableMessageError(`its JSON has a bad ${type as string}: ${toError(error).message}`, {
      cause: error,
    });
  }
}

const ENVELOPES: ReadonlyMap<string, (value: unknown) => unknown> = new Map<string, (value: unknown) => unknown>([
  ["datetime", (value) => dateTimeFrom(text(value))],
  ["date", (value) => new PlainDate(text(value))],
  ["time", (value) => new PlainTime(text(value))],
  ["decimal", (value) => new Decimal(text(value))],
  ["uuid", (value) => new Uuid(text((value as { hex?: unknown } | null)?.hex))],
  ["bytes", (value) => utf8(text(value))],
  ["base64", (value) => base64(text(value))],
]);

function text(value: unknown): string {
  if (typeof value !== "string") throw new RangeError("its value is not text");
  return value;
}

function utf8(value: string): Uint8Array {
  if (/\p{Surrogate}/u.test(value)) throw new RangeError("a lone surrogate has no UTF-8 form");
  return new TextEncoder().encode(value);
}

function base64(value: string): Uint8Array {
  if (value.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(value)) throw new RangeError("its value is not base64");
  return new Uint8Array(Buffer.from(value, "base64"));
}

function short(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value.slice(0, 40)) : `of type ${typeof value}`;
}
