import { ClockLeap } from "../../util/clock-leap.ts";
import type { Clock } from "../../util/clock.ts";
import { pruneExpiredChords } from "./chords.ts";
import { isBusy } from "./failure.ts";
import { pruneExpiredCanvases } from "./prune-canvases.ts";
import { removeExpiredQueues } from "./queues.ts";
import { DELAYED, LEASED } from "./schema.ts";
import type { SharedDatabase, Sql } from "./shared-database.ts";

/** Between two rounds, in milliseconds. Readers never see what has expired, so a round only makes room. */
const INTERVAL_MS = 60_000;
/** Rows deleted in one transaction, and pages given back in one: each keeps others from writing for a few milliseconds. */
const ROWS_A_STEP = 1_000;
const PAGES_A_STEP = 500;
/** Between two steps, for others to write. */
const STEP_PAUSE_MS = 10;
/** After so many steps the log is emptied: where others write all the time, it may never be quiet enough for SQLite to do so by itself. */
const STEPS_A_LOG = 10;
/** Free pages are kept for what comes next, up to this share of the file. */
const FREE_SHARE = 0.25;
const FREE_PAGES = 1_000;

/** Broadcasts are for those who listen now: a listener that is further behind has missed them. */
const BROADCAST_AGE_MS = 60_000;

/** How often a step is tried that meets another's lock, at the usual pause. */
const TRIES = 50;
/** Steps in which the last user of a file shrinks it: some 100 ms at most. */
const LEAVING_STEPS = 100;

/** After the time was set back, no lease and no consumer counts for longer than so many milliseconds: whoever lives renews it before. */
const LONGEST_LEASE_MS = 60_000;
/** Its condition is that of the index. */
const SHORTEN_LEASES = `
  UPDATE messages SET due_at = ? WHERE queue = ? AND state IN (${LEASED}, ${DELAYED}) AND due_at > ? AND state = ${LEASED}`;

/**
 * Deletes what has expired and gives unused pages back, every minute until the file is closed. Never rejects: what failed is tried again in
 * the next round, and a file that cannot be used is the affair of those who use it. Does not keep the process alive.
 */
export async function runMaintenance(database: SharedDatabase, clock: Clock): Promise<void> {
  const signal = database.closed;
  const leap = new ClockLeap(clock);
  let wasSetBack = false;
  while (!signal.aborted) {
    try {
      await clock.sleep(INTERVAL_MS, { ref: false, signal });
      wasSetBack = leap.look() < 0 || wasSetBack;
      if (wasSetBack) await shortenLeases(database, clock.now());
      wasSetBack = false;
      const pause = (): Promise<void> => clock.sleep(STEP_PAUSE_MS, { ref: false, signal });
      await deleteExpired(database, clock.now(), pause);
      await shrink(database, pause);
    } catch {
      // Closed, or to be tried again.
    }
  }
}

/**
 * What the last of this process's users does before the file is closed: nobody else may come to shrink it. Those who consume from it shrink
 * it themselves. Waits for no lock, and never throws.
 */
export function leaveTidy(database: SharedDatabase, now: number): void {
  try {
    if (isAttended(database, now)) return;
    for (let step = 0; step < LEAVING_STEPS && hasSpareRoom(database); step += 1) database.shrink(PAGES_A_STEP);
  } catch {
    // It is another's turn, or nobody's: the file is no smaller.
  }
}

/** The leases and the attendance of those who died before the time was set back would last until it has caught up. */
async function shortenLeases(database: SharedDatabase, now: number): Promise<void> {
  const latest = now + LONGEST_LEASE_MS;
  await database.transaction("relaxed", (sql) => {
    for (const { name } of sql<{ readonly name: string }>("SELECT name FROM queues").all()) {
      sql(SHORTEN_LEASES).run(latest, name, latest);
    }
    sql("UPDATE consumers SET expires_at = ? WHERE expires_at > ?").run(latest, latest);
  });
  database.changes.notify("messages");
}

type Pause = () => Promise<void>;

async function deleteExpired(database: SharedDatabase, now: number, pause: Pause): Promise<void> {
  await database.transaction("relaxed", (sql) => {
    removeExpiredQueues(sql, now);
    sql("DELETE FROM consumers WHERE expires_at <= ?").run(now);
    sql("DELETE FROM claims WHERE expires_at <= ?").run(now);
  });
  const steps = [
    (sql: Sql) => pruneBroadcasts(sql, now),
    (sql: Sql) => pruneExpiredChords(sql, now, ROWS_A_STEP),
    (sql: Sql) => pruneExpiredCanvases(sql, now, ROWS_A_STEP),
    (sql: Sql) => pruneExpired(sql, "results", now),
    (sql: Sql) => pruneExpired(sql, "result_groups", now),
  ];
  for (const step of steps) {
    const isMoreToDo = async (): Promise<boolean> => Number(await database.transaction("relaxed", step)) >= ROWS_A_STEP;
    await takeSteps(database, isMoreToDo, pause);
  }
}

/** Ids grow with time, so the oldest come first and the look ends at the first young one. */
function pruneBroadcasts(sql: Sql, now: number): number | bigint {
  const statement = sql(
    `DELETE FROM broadcasts WHERE id IN (SELECT id FROM broadcasts ORDER BY id LIMIT ${ROWS_A_STEP}) AND sent_at < ?`,
  );
  return statement.run(now - BROADCAST_AGE_MS).changes;
}

function pruneExpired(sql: Sql, table: "results" | "result_groups", now: number): number | bigint {
  const expired = `SELECT rowid FROM ${table} WHERE expires_at <= ? ORDER BY expires_at LIMIT ${ROWS_A_STEP}`;
  return sql(`DELETE FROM ${table} WHERE rowid IN (${expired})`).run(now).changes;
}

/** The file gets smaller only when the log is written back into it. */
async function shrink(database: SharedDatabase, pause: Pause): Promise<void> {
  const isMoreToDo = async (): Promise<boolean> => {
    if (!hasSpareRoom(database)) return false;
    await untilDone(() => hasShrunk(database), pause);
    return true;
  };
  await takeSteps(database, isMoreToDo, pause);
  await untilDone(() => hasEmptiedLog(database), pause);
}

/** Calls `step` until it says that there is nothing more to do. */
async function takeSteps(database: SharedDatabase, step: () => Promise<boolean>, pause: Pause): Promise<void> {
  for (let taken = 1; await step(); taken += 1) {
    if (taken % STEPS_A_LOG === 0) hasEmptiedLog(database);
    await pause();
  }
}

async function untilDone(step: () => boolean, pause: Pause): Promise<void> {
  for (let tries = 1; !step() && tries < TRIES; tries += 1) await pause();
}

/** False when another writes. */
function hasShrunk(database: SharedDatabase): boolean {
  try {
    database.shrink(PAGES_A_STEP);
    return true;
  } catch (error) {
    if (isBusy(error)) return false;
    throw error;
  }
}

/** False when others read or write. */
function hasEmptiedLog(database: SharedDatabase): boolean {
  const outcome = database.read((sql) => sql<{ readonly busy: 0 | 1 }>("PRAGMA wal_checkpoint(TRUNCATE)").get());
  return outcome?.busy === 0;
}

function hasSpareRoom(database: SharedDatabase): boolean {
  const size = database.read((sql) =>
    sql<{ readonly pages: number; readonly free: number }>(
      `SELECT (SELECT page_count FROM pragma_page_count) AS pages, (SELECT freelist_count FROM pragma_freelist_count) AS free`,
    ).get(),
  );
  return size !== undefined && size.free > Math.max(FREE_PAGES, size.pages * FREE_SHARE);
}

function isAttended(database: SharedDatabase, now: number): boolean {
  return database.read((sql) => sql("SELECT 1 FROM consumers WHERE expires_at > ? LIMIT 1").get(now) !== undefined);
}
