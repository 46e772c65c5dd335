import { isOver } from "../../util/ending.ts";
import { toError } from "../../util/errors.ts";
import { Pruner, type PrunerOptions } from "./pruner.ts";
import { PRUNED } from "./schema/prune-functions.ts";

/** Between two rounds, in milliseconds, give or take a half: a fleet does not come together. Readers never see what has expired, so a round only makes room. */
const INTERVAL_MS = 60_000;

/**
 * Deletes what has expired, until aborted. Never rejects: what failed is logged, and tried again in the next round. A user who may not delete leaves it to
 * others, and is looked at again in each round. Does not keep the process alive.
 */
export async function runMaintenance(options: PrunerOptions): Promise<void> {
  const { clock, log, signal } = options;
  const pruners = PRUNED.map((kind) => new Pruner(kind, options));
  let mightDelete = true;
  let told: string | undefined;
  while (!signal.aborted) {
    try {
      await clock.sleep(INTERVAL_MS * (0.5 + Math.random()), { ref: false, signal });
      const mayDelete = await isAllowedToDelete(options);
      if (mayDelete) for (const pruner of pruners) await pruner.prune();
      else if (mightDelete) log.info("expired rows are left to others, as this user may not delete them");
      mightDelete = mayDelete;
      told = undefined;
    } catch (error) {
      const { message } = toError(error);
      if (!isOver(options) && message !== told) log.warn("expired rows cannot be deleted", { error: message });
      told = message;
    }
  }
}

/** Asked first: refusals would fill the server's log. */
async function isAllowedToDelete({ queries, schema }: PrunerOptions): Promise<boolean> {
  const [row] = await queries.query<{ readonly may: boolean }>("SELECT has_table_privilege($1, 'DELETE') AS may", [
    `${schema}.results`,
  ]);
  return row?.may === true;
}
