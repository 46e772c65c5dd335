import type { Commands } from "./command-table.ts";
import type { ControlledWorker } from "./controlled-worker.ts";

/** A worker with more is nobody's intention. */
const MOST = 10_000;

export function poolCommands(worker: ControlledWorker): Commands {
  return {
    pool_grow: (args) => {
      const size = worker.size() + args.count("n", 1);
      if (size > MOST) throw new RangeError(`the pool would have ${String(size)}, and ${String(MOST)} is the most`);
      worker.resize(size);
      return { ok: "pool will grow" };
    },
    pool_shrink: (args) => {
      const size = worker.size() - args.count("n", 1);
      if (size < 1) throw new RangeError(`the pool has ${String(worker.size())}, and one must be left`);
      worker.resize(size);
      return { ok: "pool will shrink" };
    },
    shutdown: () => {
      worker.stop();
    },
  };
}
