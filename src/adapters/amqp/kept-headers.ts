export type Headers = Readonly<Record<string, unknown>>;

/** So many lists of names are remembered; messages of more have theirs as they are. */
const MAX_LISTS = 100;

const SEPARATOR = "\0";

/**
 * The headers of messages, in one object for all that have the same names: amqplib makes each object that it is given a prototype, which takes V8 longer than
 * writing the message.
 */
export class KeptHeaders {
  readonly #byNames = new Map<string, Record<string, unknown>>();

  /** To be used up before the next call. */
  of(headers: Headers = {}): Headers {
    const list = Object.keys(headers);
    const names = list.join(SEPARATOR);
    // A name may have the separator in it: its list is taken for no other, and not remembered.
    if (list.length === 0 || names.split(SEPARATOR).length !== list.length) return headers;
    const kept = this.#byNames.get(names);
    if (kept !== undefined) return Object.assign(kept, headers);
    if (this.#byNames.size < MAX_LISTS) this.#byNames.set(names, { ...headers });
    return headers;
  }
}
