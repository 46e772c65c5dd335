import { CeleriacError } from "../util/errors.ts";

/** The optional package that a broker or backend needs is not installed, or does not load; the message has the command that installs it. */
export class MissingDriverError extends CeleriacError {
  readonly code = "CELERIAC_MISSING_DRIVER";
}
