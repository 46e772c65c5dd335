/** Runs a task that prints, in a pool of its own: `pool-printer.ts NAME`. */
import { PoolStage } from "../../src/testing/conformance/pool/stage.ts";
import { app } from "../../src/testing/conformance/pool/tasks.ts";
import { systemClock } from "../../src/util/clock.ts";
import { makePool } from "../../src/worker/make-pool.ts";

const name = process.argv[2] === "threads" ? "threads" : "processes";
await using stage = new PoolStage(
  ({ appModule, ...wanted }) => makePool({ ...wanted, name, app, appModule: { url: appModule } }),
  systemClock,
);
await stage.valueOf(await stage.open(), { task: "print", args: ["to stdout", "to stderr"] });
