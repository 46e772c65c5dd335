import type { RenewerSource } from "../../broker/leases/renewer.ts";
import { siblingModule } from "../../util/sibling-module.ts";

export interface RenewerData {
  /** Of the file; absolute. */
  readonly path: string;
  /** Leases of messages, or claims of keys. */
  readonly kind: "leases" | "claims";
}

/** How a thread renews what is held in a file. */
export function renewerSource(data: RenewerData): RenewerSource {
  return { module: siblingModule("./renewer", import.meta.url).href, data };
}
