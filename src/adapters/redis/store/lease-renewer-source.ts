import type { RenewerSource } from "../../../broker/leases/renewer.ts";
import { siblingModule } from "../../../util/sibling-module.ts";
import type { RenewerData } from "../renewer-source.ts";

/** How a thread renews the leases of a store. */
export function leaseRenewerSource(data: RenewerData): RenewerSource {
  return { module: siblingModule("./lease-renewer", import.meta.url).href, data };
}
