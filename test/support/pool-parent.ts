/**
 * A process with a pool of processes, of which one does nothing, one waits and one is in a loop that never yields: `pool-parent.ts`. It tells
 * the pids of its children, and then waits to be killed.
 */
import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { PoolStage, start } from "../../src/testing/conformance/pool/stage.ts";
import { app } from "../../src/testing/conformance/pool/tasks.ts";
import { systemClock } from "../../src/util/clock.ts";
import { makePool } from "../../src/worker/make-pool.ts";

export interface ParentNews {
  readonly children: readonly number[];
}

const stage = new PoolStage(
  ({ appModule, ...wanted }) => makePool({ ...wanted, name: "processes", app, appModule: { url: appModule } }),
  systemClock,
);
const pool = await stage.open({ size: 3 });
await stage.warm(pool);
void start(pool, { task: "spin" });
void start(pool, { task: "never" });
await sleep(100);
const children = execFileSync("pgrep", ["-P", String(process.pid)], { encoding: "utf8" });
process.send?.({ children: children.trim().split("\n").map(Number) } satisfies ParentNews);
