import type { RenewerSource } from "../../broker/leases/renewer.ts";
import { siblingModule } from "../../util/sibling-module.ts";
import type { Endpoint } from "./connections/endpoint.ts";

/** How a thread renews the claims of a key store: a copy of what it needs for a connection of its own. */
export interface RenewerData {
  /** For messages; secrets masked. */
  readonly url: string;
  readonly endpoint: Endpoint;
  readonly keyPrefix: string;
}

export function renewerSource(data: RenewerData): RenewerSource {
  return { module: siblingModule("./renewer", import.meta.url).href, data };
}
