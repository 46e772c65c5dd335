import { CeleriacError } from "../../util/errors.ts";
import type { HealthPlace } from "./stand-in-messages.ts";

/** A worker's health endpoint cannot be served where it was asked for. */
export class HealthEndpointError extends CeleriacError {
  readonly code = "CELERIAC_HEALTH_ENDPOINT";
  constructor({ host, port }: HealthPlace, detail: string) {
    super(
      `The health endpoint cannot listen on ${host}:${port} (${detail}). Choose another host or port, or 0 for any port.`,
    );
  }
}
