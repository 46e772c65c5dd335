import type { Clock } from "../../util/clock.ts";
import { removeExpiredQueues } from "./queues.ts";
import type { SharedDatabase, Sql } from "./shared-database.ts";

/** Between two rounds, in milliseconds. Readers never see what has expired, so a round only makes room. */
const INTERVAL_MS = 60_000;
/** Rows deleted in one transaction, and pages given back in one: each keeps others from writing for a few milliseconds. */
const ROWS_A_STEP = 1_000;
const PAGES_A_STEP = 500;
/** Between two steps, for others to write. */
const STEP_PAUSE_MS = 10;
/** Free pages are kept for what comes next, up to this share of the file. */
const FREE_SHARE = 0.25;
const FREE_PAGES = 1_000;

/** Broadcasts are for those who listen now: a listener that is further behind has missed them. */
const BROADCAST_AGE_MS = 60_000;

/**
 * Deletes what has expired and gives unused pages back, every minute until the file is closed. Never rejects: what failed is tried again in
 * the next round, and a file that cannot be used is the affair of those who use it. Does not keep the process alive.
 */
export async function runMaintenance(database: SharedDatabase, clock: Clock): Promise<void> {
  const signal = database.closed;
  while (!signal.aborted) {
    try {
      await clock.sleep(INTERVAL_MS, { ref: false, signal });
      await deleteExpired(database, clock, signal);
      await shrink(database, clock, signal);
    } catch {
      // Closed, or to be tried again.
    }
  }
}

async function deleteExpired(database: SharedDatabase, clock: Clock, signal: AbortSignal): Promise<void> {
  const now = clock.now();
  await database.transaction("relaxed", (sql) => {
    removeExpiredQueues(sql, now);
    sql("DELETE FROM consumers WHERE expires_at <= ?").run(now);
    sql("DELETE FROM claims WHERE expires_at <= ?").run(now);
  });
  const steps = [
    (sql: Sql) => pruneBroadcasts(sql, now),
    (sql: Sql) =>
      sql(
        "DELETE FROM results WHERE seq IN (SELECT seq FROM results WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)",
      ).run(now, ROWS_A_STEP).changes,
  ];
  for (const step of steps) {
    while (Number(await database.transaction("relaxed", step)) >= ROWS_A_STEP) {
      await clock.sleep(STEP_PAUSE_MS, { ref: false, signal });
    }
  }
}

/** Ids grow with time, so the oldest come first and the look ends at the first young one. */
function pruneBroadcasts(sql: Sql, now: number): number | bigint {
  const statement = sql(
    `DELETE FROM broadcasts WHERE id IN (SELECT id FROM broadcasts ORDER BY id LIMIT ${ROWS_A_STEP}) AND sent_at < ?`,
  );
  return statement.run(now - BROADCAST_AGE_MS).changes;
}

async function shrink(database: SharedDatabase, clock: Clock, signal: AbortSignal): Promise<void> {
  while (hasSpareRoom(database)) {
    database.shrink(PAGES_A_STEP);
    await clock.sleep(STEP_PAUSE_MS, { ref: false, signal });
  }
}

function hasSpareRoom(database: SharedDatabase): boolean {
  const size = database.read((sql) =>
    sql<{ readonly pages: number; readonly free: number }>(
      `SELECT (SELECT page_count FROM pragma_page_count) AS pages, (SELECT freelist_count FROM pragma_freelist_count) AS free`,
    ).get(),
  );
  return size !== undefined && size.free > Math.max(FREE_PAGES, size.pages * FREE_SHARE);
}
