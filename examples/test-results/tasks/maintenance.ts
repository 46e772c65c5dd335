import { z } from "zod";
import { app } from "../app.ts";
import { pendingFiles, removeFilesBefore } from "../database/files.ts";
import { recountRunsSince, removeResultsBefore, removeRunsBefore } from "../database/runs.ts";
import { importResults } from "./import-results.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

const months = z.tuple([z.int().min(1).max(1_200)]);

/** Deletes uploaded files and their records; the runs they brought stay. Returns how many. */
export const pruneOldFiles = app.task(
  "test_results.prune_old_files",
  { bind: true, args: months, params: ["months"] },
  async (ctx, months) => {
    const ids = await removeFilesBefore(ctx.db, monthsAgo(months));
    ctx.db.onCommit(async () => {
      for (const id of ids) await ctx.uploads.remove(id);
    });
    return ids.length;
  },
);

/** Deletes the single results of old runs; the runs keep their counts. Returns how many. */
export const pruneOldResults = app.task(
  "test_results.prune_old_results",
  { bind: true, args: months, params: ["months"] },
  (ctx, months) => removeResultsBefore(ctx.db, monthsAgo(months)),
);

/** Deletes old runs with all that belongs to them. Returns how many. */
export const pruneOldRuns = app.task(
  "test_results.prune_old_runs",
  { bind: true, args: months, params: ["months"] },
  (ctx, months) => removeRunsBefore(ctx.db, monthsAgo(months)),
);

/**
 * Sets right what was broken off in the last day: runs whose counts are not those of their results, and uploads that
 * have waited long for an import, which was lost or never sent.
 */
export const syncAbortedRuns = app.task("test_results.sync_aborted_runs", { bind: true }, async (ctx) => {
  const yesterday = new Date(Date.now() - DAY_MS);
  const recounted = await recountRunsSince(ctx.db, yesterday);
  const waiting = await pendingFiles(ctx.db, { from: yesterday, to: new Date(Date.now() - 10 * MINUTE_MS) });
  for (const fileId of waiting) await importResults.delay(fileId);
  return { recounted, resent: waiting.length };
});

/** A month is thirty days here. */
function monthsAgo(months: number): Date {
  return new Date(Date.now() - months * 30 * DAY_MS);
}
