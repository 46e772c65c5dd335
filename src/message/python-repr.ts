import { EncodedJson } from "./json.ts";
import {
  bytesLiteral,
  dateLiteral,
  dateTimeLiteral,
  numberLiteral,
  strLiteral,
  timeLiteral,
} from "./python-literals.ts";
import { classNameOf, isPlainObject } from "./plain-object.ts";
import { isoFormat, PythonValue } from "./python-values.ts";

/** Longest `argsrepr` and `kwargsrepr`, in characters. Celery: `celery/app/amqp.py:AMQP.argsrepr_maxsize`. */
export const MAX_REPR_LENGTH = 1024;

/** Positional arguments as Python prints a tuple: `(2, 'a')`, `(1,)`. Never throws, and looks at no more than it shows. */
export function reprArgs(args: readonly unknown[]): string {
  return new ReprWriter().sequence("(", args, args.length === 1 ? ",)" : ")").text();
}

/** Keyword arguments as Python prints a dict: `{'z': None}`. Never throws, and looks at no more than it shows. */
export function reprKwargs(kwargs: Readonly<Record<string, unknown>>): string {
  return new ReprWriter().dict(kwargs).text();
}

/** Any value as Python prints it: `[1, None]`. Never throws, and looks at no more than it shows. */
export function pythonRepr(value: unknown): string {
  return new ReprWriter().value(value).text();
}

/** Room that is kept for `, ...` and a quote, which say that something is left out. */
const RESERVE = 6;

/**
 * Writes until the room is used up, then dots, then whatever brackets are still open: `[1, [2, ...]]`. An opening bracket
 * pays for its counterpart, so that even what is endlessly nested comes to an end.
 */
class ReprWriter {
  #text = "";
  #room = MAX_REPR_LENGTH - RESERVE;
  #isFull = false;

  text(): string {
    return this.#text;
  }

  value(value: unknown): this {
    switch (typeof value) {
      case "string":
        return this.#string(value);
      case "number":
        return this.#token(numberLiteral(value));
      case "boolean":
        return this.#token(value ? "True" : "False");
      case "bigint":
        return this.#token(value.toString());
      case "undefined":
        return this.#token("None");
      case "object":
        return value === null ? this.#token("None") : this.#object(value);
      default:
        return this.#token(`<${typeof value}>`);
    }
  }

  sequence(open: string, items: readonly unknown[], close: string): this {
    return this.#bracketed(open, close, () => {
      for (let index = 0; index < items.length && !this.#isFull; index++) {
        if (index > 0) this.#token(", ");
        this.value(items[index]);
      }
    });
  }

  dict(properties: Readonly<Record<string, unknown>>): this {
    return this.#bracketed("{", "}", () => {
      let separator = "";
      for (const key in properties) {
        if (this.#isFull) break;
        const value = properties[key];
        if (value === undefined) continue;
        this.#token(separator).#string(key).#token(": ").value(value);
        separator = ", ";
      }
    });
  }

  #object(value: object): this {
    if (Array.isArray(value)) return this.sequence("[", value, "]");
    if (value instanceof Date) return this.#token(dateRepr(value));
    if (value instanceof PythonValue) return this.#token(pythonValueRepr(value));
    if (value instanceof Uint8Array) return this.#bytes(value);
    if (value instanceof EncodedJson) return this.#token(value.text);
    if ("toJSON" in value && typeof value.toJSON === "function") return this.#reduced(value as Reducible);
    return isPlainObject(value) ? this.dict(value) : this.#token(`<${classNameOf(value)}>`);
  }

  /** One that fails gets its class's name: encoding it will say why. Each takes some room, so that a chain of them comes to an end. */
  #reduced(value: Reducible): this {
    if (this.#room === 0) return this.#leaveOut();
    let reduced: unknown;
    try {
      reduced = value.toJSON();
    } catch {
      return this.#token(`<${classNameOf(value)}>`);
    }
    this.#room -= 1;
    return this.value(reduced);
  }

  #string(value: string): this {
    if (this.#isFull) return this;
    return this.#quoted(strLiteral(cut(value, this.#room)), value.length > this.#room);
  }

  #bytes(value: Uint8Array): this {
    if (this.#isFull) return this;
    return this.#quoted(bytesLiteral(value.subarray(0, this.#room)), value.length > this.#room);
  }

  #quoted(literal: string, isCut: boolean): this {
    if (!isCut && literal.length <= this.#room) return this.#token(literal);
    this.#isFull = true;
    this.#text += `${cut(literal.slice(0, -1), this.#room)}...${literal.slice(-1)}`;
    return this;
  }

  #token(token: string): this {
    if (this.#isFull) return this;
    if (token.length > this.#room) return this.#leaveOut();
    this.#text += token;
    this.#room -= token.length;
    return this;
  }

  #leaveOut(): this {
    this.#isFull = true;
    this.#text += /(?:^|[([{]|, |: )$/.test(this.#text) ? "..." : ", ...";
    return this;
  }

  #bracketed(open: string, close: string, content: () => void): this {
    if (this.#isFull) return this;
    if (open.length + close.length > this.#room) return this.#leaveOut();
    this.#room -= open.length + close.length;
    this.#text += open;
    content();
    this.#text += close;
    return this;
  }
}

interface Reducible {
  toJSON(): unknown;
}

function dateRepr(date: Date): string {
  try {
    return dateTimeLiteral(isoFormat(date));
  } catch {
    return "<invalid date>";
  }
}

function pythonValueRepr({ kind, text }: PythonValue): string {
  switch (kind) {
    case "date":
      return dateLiteral(text);
    case "datetime":
      return dateTimeLiteral(text);
    case "decimal":
      return `Decimal('${text}')`;
    case "time":
      return timeLiteral(text);
    case "uuid":
      return `UUID('${text}')`;
  }
}

/** The first `length` characters, but no half of one. */
function cut(text: string, length: number): string {
  return text.length <= length ? text : text.slice(0, length).replace(/[\ud800-\udbff]$/, "");
}
