import { UnreadableMessageError } from "../message/errors.ts";
import { FieldReader, type Dict } from "../message/fields.ts";

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

  flag(name: string): boolean {
    return asked(() => this.#fields.flag(name));
  }

  /** A whole number from 0. */
  count(name: string, otherwise: number): number {
    return asked(() => this.#fields.count(name)) ?? otherwise;
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
