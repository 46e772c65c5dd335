import { UnreadableMessageError } from "./errors.ts";
import { endOfString, readJson } from "./json-reader.ts";
import { writeJson } from "./json-writer.ts";

export { EncodedJson } from "./json-writer.ts";

/** Levels of nesting that a value may have to be sent. Python's own JSON gives up a little below 1000. */
export const MAX_DEPTH = 500;
/** What is read may have one more: arguments stand inside a message, and a result inside its document. */
const MAX_READ_DEPTH = MAX_DEPTH + 1;

/**
 * A value as Kombu's JSON. `undefined` is left out of objects and is null elsewhere. Throws EncodeError, whose path begins with `root`.
 *
 * Kombu: `kombu/utils/json.py:JSONEncoder`.
 */
export function encodeJson(value: unknown, root = "value"): string {
  if (value !== undefined && isPlainJson(value)) return JSON.stringify(value);
  return writeJson(value, root, MAX_DEPTH);
}

/**
 * The value of Kombu's JSON text. Throws UnreadableMessageError.
 *
 * Integers beyond 2^53 are bigints. A key `__proto__` is an own property like any other, as `JSON.parse` has it.
 * Kombu: `kombu/utils/json.py:loads`.
 */
export function decodeJson(text: string): unknown {
  if (NEEDS_READER.test(text)) return readJson(text, MAX_READ_DEPTH);
  if (text.length > 2 * MAX_READ_DEPTH && isTooDeep(text)) {
    throw new UnreadableMessageError(`its JSON is nested deeper than ${MAX_READ_DEPTH} levels`);
  }
  try {
    return JSON.parse(text);
  } catch {
    return readJson(text, MAX_READ_DEPTH);
  }
}

/** Text that `JSON.parse` would read without complaint, and differently: envelopes, also with needless escapes in `__type__`, and long integers. */
const NEEDS_READER = /__type__|\\u00[5-7]|(?:^|[^\d.])\d{16}/;

/** Looked for before parsing: `JSON.parse` takes seconds for some megabytes of brackets. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at) - 1;
        if (at < 0) return false;
        break;
      case OPEN_BRACKET:
      case OPEN_BRACE:
        if (++depth > MAX_READ_DEPTH) return true;
        break;
      case CLOSE_BRACKET:
      case CLOSE_BRACE:
        depth -= 1;
    }
  }
  return false;
}

const QUOTE = 0x22;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Whether `JSON.stringify` writes the value as Python would read it. */
export function isPlainJson(value: unknown): boolean {
  return isPlain(value, 0);
}

function isPlain(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
    case "undefined":
      return true;
    case "number":
      return Number.isSafeInteger(value) ? !Object.is(value, -0) : Number.isFinite(value) && !Number.isInteger(value);
    case "object":
      return value === null || (depth < MAX_DEPTH && isPlainContainer(value, depth + 1));
    default:
      return false;
  }
}

function isPlainContainer(value: object, depth: number): boolean {
  if (Array.isArray(value)) {
    for (const item of value) if (!isPlain(item, depth)) return false;
    return !("toJSON" in value);
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  const properties = value as Record<string, unknown>;
  for (const key in properties) {
    if (key === "__type__" || !isPlain(properties[key], depth)) return false;
  }
  return !("toJSON" in value);
}
