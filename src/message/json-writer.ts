import { isUtf8 } from "node:buffer";
import { EncodeError } from "./errors.ts";
import { classNameOf, isPlainObject } from "./plain-object.ts";
import { isoFormat, PythonValue, Uuid } from "./python-values.ts";

/** A value that is JSON text already: the encoder inserts it as it is. */
export class EncodedJson {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Writes any value that can be sent; `encodeJson` comes here with those that `JSON.stringify` would get wrong. Throws EncodeError. */
export function writeJson(value: unknown, root: string, maxDepth: number): string {
  return new JsonWriter(root, maxDepth).write(value);
}

class JsonWriter {
  readonly #root: string;
  readonly #maxDepth: number;
  /** Keys and indices from the root to the value being written. */
  readonly #path: (string | number)[] = [];
  /** The containers that hold it, outermost first. */
  readonly #holders = new Set<object>();

  constructor(root: string, maxDepth: number) {
    this.#root = root;
    this.#maxDepth = maxDepth;
  }

  write(value: unknown): string {
    switch (typeof value) {
      case "string":
      case "boolean":
        return JSON.stringify(value);
      case "number":
        return numberText(value);
      case "bigint":
        return this.#bigint(value);
      case "undefined":
        return "null";
      case "object":
        return value === null ? "null" : this.#object(value);
      default:
        return this.#fail(`a ${typeof value} has no JSON form`);
    }
  }

  #object(value: object): string {
    if (value instanceof EncodedJson) return value.text;
    if (value instanceof Date) return envelope("datetime", this.#isoFormat(value));
    if (value instanceof PythonValue)
      return envelope(value.kind, value instanceof Uuid ? { hex: value.hex } : value.text);
    if (value instanceof Uint8Array) return bytesEnvelope(value);
    return this.#container(value);
  }

  #container(value: object): string {
    if (this.#holders.has(value)) this.#fail("it contains itself");
    if (this.#holders.size === this.#maxDepth) this.#fail(`it is nested deeper than ${this.#maxDepth} levels`);
    this.#holders.add(value);
    const text = this.#content(value);
    this.#holders.delete(value);
    return text;
  }

  #content(value: object): string {
    if (hasToJson(value)) return this.write(this.#reduced(() => value.toJSON()));
    if (Array.isArray(value)) return this.#array(value);
    if (isPlainObject(value)) return this.#properties(value);
    return this.#fail(`an instance of ${classNameOf(value)} has no JSON form`);
  }

  #array(items: readonly unknown[]): string {
    const texts: string[] = [];
    for (const [index, item] of items.entries()) texts.push(this.#member(index, item));
    return `[${texts.join(",")}]`;
  }

  #properties(value: Readonly<Record<string, unknown>>): string {
    const keys = Object.keys(value).filter((key) => value[key] !== undefined);
    if (keys.length === 2 && keys.includes("__type__") && keys.includes("__value__")) {
      this.#fail("an object of __type__ and __value__ would be taken for one of Kombu's typed values");
    }
    return `{${keys.map((key) => `${JSON.stringify(key)}:${this.#member(key, value[key])}`).join(",")}}`;
  }

  #member(key: string | number, value: unknown): string {
    this.#path.push(key);
    const text = this.write(value);
    this.#path.pop();
    return text;
  }

  #reduced(toJson: () => unknown): unknown {
    try {
      return toJson();
    } catch (error) {
      return this.#fail(`its toJSON() threw ${String(error)}`);
    }
  }

  #bigint(value: bigint): string {
    if (value >= INTEGER_BOUND || value <= -INTEGER_BOUND)
      this.#fail("Python reads no integer of more than 4300 digits");
    return value.toString();
  }

  #isoFormat(date: Date): string {
    try {
      return isoFormat(date);
    } catch (error) {
      return this.#fail(`it is ${(error as RangeError).message}`);
    }
  }

  #fail(what: string): never {
    throw new EncodeError(this.#root + this.#path.map(pathStep).join(""), what);
  }
}

/** Python: `sys.int_info.default_max_str_digits`. */
const INTEGER_BOUND = 10n ** 4300n;

/** Python's literals for what JSON lacks. Whole numbers beyond 2^53 are not exact, so they are written as the floats they are. */
function numberText(value: number): string {
  if (Object.is(value, -0)) return "-0.0";
  const text = String(value);
  return Number.isInteger(value) && !Number.isSafeInteger(value) && !text.includes("e") ? `${text}.0` : text;
}

function envelope(kind: string, value: unknown): string {
  return `{"__type__":${JSON.stringify(kind)},"__value__":${JSON.stringify(value)}}`;
}

/** Kombu writes bytes as text where they are UTF-8, and as base64 where they are not. */
function bytesEnvelope(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return isUtf8(buffer) ? envelope("bytes", buffer.toString("utf8")) : envelope("base64", buffer.toString("base64"));
}

function pathStep(key: string | number): string {
  if (typeof key === "number") return `[${key}]`;
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

function hasToJson(value: object): value is { toJSON(): unknown } {
  return "toJSON" in value && typeof value.toJSON === "function";
}
