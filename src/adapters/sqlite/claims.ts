import type { ClaimName } from "../../broker/leases/claim-receipt.ts";
import type { Sql } from "./shared-database.ts";

const KEEP = "UPDATE claims SET expires_at = ? WHERE key = ? AND owner = ?";
const RENEW = `${KEEP} AND expires_at > ?`;

/** False, with nothing changed, when the owner no longer held the key. */
export function renewClaim(sql: Sql, { key, owner }: ClaimName, until: number, now: number): boolean {
  return sql(RENEW).run(until, key, owner, now).changes > 0;
}

/** The same for an owner who has never let go: a claim that ran out, while the machine slept or its clock was set, but went to nobody is its still. */
export function keepClaim(sql: Sql, { key, owner }: ClaimName, until: number): boolean {
  return sql(KEEP).run(until, key, owner).changes > 0;
}
