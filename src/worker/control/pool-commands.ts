import { MOST_PLACES } from "../autoscaler.ts";
import type { Commands } from "./command-table.ts";
import type { ControlledWorker } from "./controlled-worker.ts";

export function poolCommands(worker: ControlledWorker): Commands {
  return {
    pool_grow: (args) => {
      refuseUnderAutoscale(worker, "pool_grow");
      const size = worker.size() + args.count("n", 1);
      if (size > MOST_PLACES)
        throw new RangeError(`the pool would have ${String(size)}, and ${String(MOST_PLACES)} is the most`);
      worker.resize(size);
      return { ok: "pool will grow" };
    },
    pool_shrink: (args) => {
      refuseUnderAutoscale(worker, "pool_shrink");
      const size = worker.size() - args.count("n", 1);
      if (size < 1) throw new RangeError(`the pool has ${String(worker.size())}, and one must be left`);
      worker.resize(size);
      return { ok: "pool will shrink" };
    },
    autoscale: (args) => {
      const { autoscaler } = worker;
      if (autoscaler === undefined)
        throw new Error("Autoscale not enabled: the worker was started without --autoscale");
      const { max, min } = autoscaler.update({ max: args.optionalCount("max"), min: args.optionalCount("min") });
      return { ok: `autoscale now max=${String(max)} min=${String(min)}` };
    },
    shutdown: () => {
      worker.stop();
    },
  };
}

/** Celery's words, which its documentation has. */
function refuseUnderAutoscale({ autoscaler }: ControlledWorker, command: string): void {
  if (autoscaler === undefined) return;
  throw new Error(`${command} is not supported with autoscale. Adjust autoscale range instead.`);
}
