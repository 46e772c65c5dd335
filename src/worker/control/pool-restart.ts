import type { ArgumentReader } from "../../control/argument-reader.ts";
import { toError } from "../../util/errors.ts";
import type { OpenParts } from "../parts.ts";
import type { Commands } from "./command-table.ts";
import type { ControlledWorker } from "./controlled-worker.ts";

/** Fresh threads or processes import the app anew, as it is by then; what the worker itself knows of its tasks stays. */
export function poolRestart({ node, poolName, restartPool }: ControlledWorker, { config, log }: OpenParts): Commands {
  let isUnderWay = false;
  const restart = async (begin: () => Promise<void>): Promise<void> => {
    isUnderWay = true;
    try {
      await begin();
      log.info("pool restarted", { node });
    } catch (error) {
      log.error("pool not restarted, what is left of it goes on", { node, error: toError(error).message });
    } finally {
      isUnderWay = false;
    }
  };
  return {
    pool_restart: (args) => {
      if (!config.workerPoolRestarts)
        throw new Error('Pool restarts not enabled: the setting "worker_pool_restarts" is false');
      refuseModules(args);
      if (restartPool === undefined)
        throw new Error(`the pool is ${poolName}: its tasks run in the worker itself, which has to be started anew`);
      if (isUnderWay) throw new Error("a restart of the pool is under way already");
      void restart(restartPool); // never rejects
      return { ok: "reload started" };
    },
  };
}

/** Celery imports such modules into the worker, or reloads them with a function of Python's. */
function refuseModules(args: ArgumentReader): void {
  args.flag("reload");
  const isAsked = args.texts("modules").length > 0;
  if (isAsked)
    throw new TypeError('the argument "modules" is not supported: all modules are imported anew, leave it out');
  if (args.optionalText("reloader") !== undefined)
    throw new TypeError('the argument "reloader" is not supported: all modules are imported anew, leave it out');
}
