import { CeleriacError } from "../util/errors.ts";

/** The configuration says something that cannot be done. The message names the option, variable or flag at fault. */
export class ConfigError extends CeleriacError {
  readonly code = "CELERIAC_CONFIG";
}
