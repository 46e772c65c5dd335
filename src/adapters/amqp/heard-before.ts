import type { Message } from "amqplib";

/** So many are remembered: more than are on their way when a connection is lost. */
const MANY = 1_000;

/** Knows a broadcast that comes again, because the connection was lost before the server knew that it had come. */
export class HeardBefore {
  readonly #known = new Set<string>();

  /** Whether this one came before; from now on, it has. */
  note(message: Message): boolean {
    const identity = identityOf(message);
    if (message.fields.redelivered && this.#known.has(identity)) return true;
    this.#known.add(identity);
    const [oldest] = this.#known;
    if (this.#known.size > MANY && oldest !== undefined) this.#known.delete(oldest);
    return false;
  }
}

/** Commands have no id. Whoever sends two that are alike gives them different clocks. */
function identityOf({ content, properties }: Message): string {
  const { clock } = (properties.headers ?? {}) as { readonly clock?: unknown };
  return `${String(clock)} ${content.toString("latin1")}`;
}
