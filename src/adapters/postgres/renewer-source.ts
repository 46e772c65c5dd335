import type { RenewerSource } from "../../broker/leases/renewer.ts";
import { siblingModule } from "../../util/sibling-module.ts";
import type { Endpoint } from "./connections/endpoint.ts";

/** What a thread needs in order to renew claims over a connection of its own: it gets a copy. */
export interface RenewerData {
  /** For messages; secrets masked. */
  readonly url: string;
  readonly endpoint: Endpoint;
}

export function renewerSource(data: RenewerData): RenewerSource {
  return { module: siblingModule("./renewer", import.meta.url).href, data };
}
