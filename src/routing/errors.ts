import { CeleriacError } from "../util/errors.ts";

/** An entry of `taskRoutes` is none, or a router function gave something that is no route. */
export class InvalidRouteError extends CeleriacError {
  readonly code = "CELERIAC_INVALID_ROUTE";
  /** Where it stands: `taskRoutes["feed.*"].queue`. */
  readonly entry: string;
  constructor(entry: string, problem: string) {
    super(`${entry} ${problem}${problem.endsWith("?") ? "" : "."}`);
    this.entry = entry;
  }
}
