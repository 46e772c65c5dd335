import { CeleriacError } from "../util/errors.ts";

/** The broker carries no broadcasts: workers cannot be asked or told anything by it. */
export class ControlUnsupportedError extends CeleriacError {
  readonly code = "CELERIAC_CONTROL_UNSUPPORTED";
  constructor() {
    super("Workers cannot be reached: the broker has no remote control.");
  }
}

/** The broker did not take a question to workers in time. Whether they hear it is not known. */
export class ControlTimeoutError extends CeleriacError {
  readonly code = "CELERIAC_CONTROL_TIMEOUT";
  readonly timeoutMs: number;
  constructor(method: string, timeoutMs: number) {
    super(
      `Workers were not asked for "${method}": the broker did not take the question within ${String(timeoutMs)} ms.`,
    );
    this.timeoutMs = timeoutMs;
  }
}
