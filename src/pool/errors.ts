import { CeleriacError } from "../util/errors.ts";

/** A thread or process could not be made ready to run tasks: its app cannot be loaded, or the system gives no more of them. */
export class PoolStartError extends CeleriacError {
  readonly code = "CELERIAC_POOL_START";
}
