import { UnreadableMessageError } from "../message/errors.ts";
import { FieldReader, isDict, type Dict } from "../message/fields.ts";

/** Reads what a command was called with. Every method throws for a value of another kind, with an error that names the argument. */
export class ArgumentReader {
  readonly #args: Dict;
  readonly #fields: FieldReader;

  constructor(args: Dict) {
    this.#args = args;
    this.#fields = new FieldReader(args, "argument");
  }

  text(name: string): string {
    return asked(() => this.#fields.text(name));
  }

  optionalText(name: string): string | undefined {
    return asked(() => this.#fields.textOrNull(name)) ?? undefined;
  }

  /** Whatever there is: for what other nodes say, and nobody would mend. */
  value(name: string): unknown {
    return this.#args[name];
  }

  /** What may be null too must be there all the same. */
  textOrNumber(name: string): string | number | null {
    const value = this.#args[name];
    if (value === null || typeof value === "string" || typeof value === "number") return value;
    throw new TypeError(`the argument "${name}" is ${value === undefined ? "missing" : "neither text nor a number"}`);
  }

  /** 0 and 1 are taken for flags, as Python does. */
  flag(name: string): boolean {
    const value = this.#args[name];
    return value === 0 || value === 1 ? value === 1 : asked(() => this.#fields.flag(name));
  }

  /** A whole number from 0. */
  count(name: string, otherwise: number): number {
    return this.optionalCount(name) ?? otherwise;
  }

  optionalCount(name: string): number | undefined {
    return asked(() => this.#fields.count(name)) ?? undefined;
  }

  /** A number from 0. */
  optionalNumber(name: string): number | undefined {
    const value = this.#args[name] ?? undefined;
    if (value === undefined || (typeof value === "number" && value >= 0 && Number.isFinite(value))) return value;
    throw new TypeError(`the argument "${name}" is not a number from 0`);
  }

  /** An object, or what is made of something else. */
  dictOr(name: string, otherwise: () => Dict): Dict {
    const value = this.#args[name];
    return isDict(value) ? value : otherwise();
  }

  /** One text may stand for a list of it. */
  texts(name: string): readonly string[] {
    const value = this.#args[name];
    if (typeof value === "string") return [value];
    const list = asked(() => this.#fields.list(name));
    const odd = list.find((item) => typeof item !== "string");
    if (odd !== undefined) throw new TypeError(`the argument "${name}" is not a list of texts`);
    return list as readonly string[];
  }
}

/** The reason without the words for messages that nobody waits for. */
function asked<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof UnreadableMessageError ? new TypeError(error.reason) : error;
  }
}
