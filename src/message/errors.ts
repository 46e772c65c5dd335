import { CeleriacError } from "../util/errors.ts";

/** A message that no worker can read: it is dead-lettered with this reason and stops nothing. */
export class UnreadableMessageError extends CeleriacError {
  readonly code = "CELERIAC_UNREADABLE_MESSAGE";
  /** What is wrong, in a few words that fit a log line. */
  readonly reason: string;
  constructor(reason: string, options: { readonly cause?: unknown } = {}) {
    super(`The message cannot be read: ${reason}.`, options);
    this.reason = reason;
  }
}

/** A value that cannot cross the wire. */
export class EncodeError extends CeleriacError {
  readonly code = "CELERIAC_ENCODE";
  /** Where the value stands, from the root: `args[0].when`. */
  readonly path: string;
  constructor(path: string, what: string) {
    super(`${path} cannot be serialised: ${what}.`);
    this.path = path;
  }
}
