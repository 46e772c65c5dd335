import type { ThreadSource } from "../thread-source.ts";

/**
 * Where a store's leases or a key store's claims are renewed by a thread of their own, which a blocked event loop cannot stop: its module exports
 * `openRenewer: OpenRenewer`.
 */
export type RenewerSource = ThreadSource;

/** Opens nothing yet that may be missing: the first renewal may come long after. */
export type OpenRenewer = (data: unknown) => Renewer;

/** Renews from a connection of its own. */
export interface Renewer {
  /** Pushes the end of what these receipts name to `ms` from now. Returns the receipts that were no longer held. When it rejects, it is called again soon. */
  renew(receipts: readonly string[], ms: number): Promise<readonly string[]>;
  /** Called once; never while a renewal is under way. */
  close(): Promise<void>;
}
