import type { Sql } from "./shared-database.ts";

const EXPIRED = "SELECT id FROM canvases WHERE expires_at <= ? ORDER BY expires_at LIMIT 1";
const PRUNE_PARTS = `
  DELETE FROM canvas_parts WHERE rowid IN (SELECT rowid FROM canvas_parts WHERE canvas = ? ORDER BY place LIMIT ?)`;
const PRUNE = "DELETE FROM canvases WHERE id = ?";

/** Deletes what is left of canvases that have expired, with no more parts than `limit`. Says how many rows are gone. */
export function pruneExpiredCanvases(sql: Sql, now: number, limit: number): number {
  let pruned = 0;
  while (pruned < limit) {
    const expired = sql<{ readonly id: string }>(EXPIRED).get(now);
    if (expired === undefined) break;
    const parts = Number(sql(PRUNE_PARTS).run(expired.id, limit - pruned).changes);
    pruned += parts;
    if (pruned < limit) pruned += Number(sql(PRUNE).run(expired.id).changes);
  }
  return pruned;
}
