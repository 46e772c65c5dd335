import { UnreadableMessageError } from "./errors.ts";
import { parseIso } from "./iso-datetime.ts";
import { isPlainObject } from "./plain-object.ts";

/** A JSON object from outside. */
export type Dict = Readonly<Record<string, unknown>>;

export function isDict(value: unknown): value is Dict {
  return typeof value === "object" && value !== null && !Array.isArray(value) && isPlainObject(value);
}

/** Reads the fields of an object from outside. Every method throws UnreadableMessageError for a value of another kind. */
export class FieldReader {
  readonly #fields: Dict;
  /** What the fields belong to, for the reason: `header`. */
  readonly #what: string;

  constructor(fields: object, what: string) {
    this.#fields = fields as Dict;
    this.#what = what;
  }

  text(name: string): string {
    const value = this.textOrNull(name);
    return value === null || value === "" ? this.#fail(name, "is missing") : value;
  }

  textOrNull(name: string): string | null {
    const value = this.#value(name);
    return value === null || typeof value === "string" ? value : this.#fail(name, "is not text");
  }

  /** A whole number from 0; null when there is none. */
  count(name: string): number | null {
    const value = this.#value(name);
    if (value === null) return null;
    return Number.isSafeInteger(value) && (value as number) >= 0
      ? (value as number)
      : this.#fail(name, "is not a whole number from 0");
  }

  flag(name: string): boolean {
    return this.flagOrNull(name) ?? false;
  }

  flagOrNull(name: string): boolean | null {
    const value = this.#value(name);
    return value === null || typeof value === "boolean" ? value : this.#fail(name, "is neither true nor false");
  }

  list(name: string): readonly unknown[] {
    const value = this.#value(name);
    if (value === null) return [];
    return Array.isArray(value) ? value : this.#fail(name, "is not a list");
  }

  dict(name: string): Dict {
    const value = this.#value(name);
    if (value === null) return {};
    return isDict(value) ? value : this.#fail(name, "is not an object");
  }

  /** An ISO 8601 date, a naive one taken as UTC. Celery takes an empty text for none. */
  date(name: string): Date | null {
    const value = this.textOrNull(name);
    if (value === null || value === "") return null;
    const parsed = parseIso(value);
    return parsed === undefined ? this.#fail(name, "is not a date in ISO 8601") : new Date(parsed.ms);
  }

  /** A field that was never set reads as null; what objects inherit is no field. */
  #value(name: string): unknown {
    return (Object.hasOwn(this.#fields, name) ? this.#fields[name] : null) ?? null;
  }

  #fail(name: string, what: string): never {
    throw new UnreadableMessageError(`the ${this.#what} "${name}" ${what}`);
  }
}
