import { createHash } from "node:crypto";
import type { ClaimName } from "../../broker/leases/claim-receipt.ts";
import { wholeMs } from "../../util/whole-ms.ts";
import type { Queries } from "./connections/pool.ts";

/** An index of Postgres takes some 2700 bytes, and a character may be four of them: of a longer key only the beginning is kept as it is. */
const WHOLE = 600;

/** Under what a key is kept: keys that begin alike are kept so. */
export function storedKey(key: string): string {
  if (key.length <= WHOLE) return key;
  return `${key.slice(0, WHOLE)}#${createHash("sha256").update(key).digest("hex")}`;
}

/** What the stored keys begin with whose keys begin so: others may too. */
export function storedPrefix(prefix: string): string {
  return prefix.slice(0, WHOLE);
}

/** Whether each was held, and is for `ttlMs` from now. */
export async function renewClaims(
  queries: Queries,
  schema: string,
  claims: readonly ClaimName[],
  ttlMs: number,
): Promise<readonly boolean[]> {
  const rows = await queries.query<{ readonly place: number }>(`SELECT ${schema}.renew_claims($1, $2, $3) AS place`, [
    claims.map(({ key }) => storedKey(key)),
    claims.map(({ owner }) => owner),
    wholeMs(ttlMs),
  ]);
  const held = new Set(rows.map(({ place }) => place));
  return claims.map((_, index) => held.has(index + 1));
}
