import type { Clock } from "../../util/clock.ts";
import type { Queries } from "./connections/pool.ts";

/** Between two rounds, in milliseconds, give or take a half: a fleet does not come together. Readers never see what has expired, so a round only makes room. */
const INTERVAL_MS = 60_000;
/** Rows deleted by one statement, and the pause after it, in milliseconds. */
const ROWS_A_STEP = 1_000;
const STEP_PAUSE_MS = 20;

/** Deletes what has expired, until aborted. Never rejects: what failed is tried again in the next round. Does not keep the process alive. */
export async function runMaintenance(
  queries: Queries,
  schema: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await clock.sleep(INTERVAL_MS * (0.5 + Math.random()), { ref: false, signal });
      while (await isMoreToDo(queries, schema)) await clock.sleep(STEP_PAUSE_MS, { ref: false, signal });
    } catch {
      // Disposed of, or to be tried again.
    }
  }
}

async function isMoreToDo(queries: Queries, schema: string): Promise<boolean> {
  const [row] = await queries.query<{ readonly pruned: number }>(`SELECT ${schema}.prune($1) AS pruned`, [ROWS_A_STEP]);
  return (row?.pruned ?? 0) >= ROWS_A_STEP;
}
