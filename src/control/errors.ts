import { CeleriacError } from "../util/errors.ts";

/** The broker carries no broadcasts: workers cannot be asked or told anything by it. */
export class ControlUnsupportedError extends CeleriacError {
  readonly code = "CELERIAC_CONTROL_UNSUPPORTED";
  constructor() {
    super("Workers cannot be reached: the broker has no remote control.");
  }
}
