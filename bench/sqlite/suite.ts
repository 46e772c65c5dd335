import { bullmq } from "../bullmq/contender.ts";
import { celeriacOn } from "../celeriac/contender.ts";
import { startRedis } from "../redis/server.ts";
import { drain, growth, idle, room, send, sendBatches } from "../scenarios.ts";
import type { Suite } from "../suite.ts";
import { sqliteFile } from "./file.ts";
import { rawSqlite } from "./raw-sqlite.ts";

/** Beside the least that the same library must do, and beside BullMQ on its Redis. */
export const sqliteSuite: Suite = {
  name: "sqlite",
  startServer: startRedis,
  contenders: [rawSqlite, celeriacOn(sqliteFile), bullmq],
  scenarios: (quick) => {
    const [few, many] = quick ? [20, 200] : [3_000, 30_000];
    const drained = { waiting: quick ? 200 : 100_000, concurrency: 100 };
    return [
      send("1 in flight, synchronous=full", { count: few, inFlight: 1, synchronous: "full" }),
      send("10 in flight, synchronous=full", { count: many, inFlight: 10, synchronous: "full" }),
      send("100 in flight, synchronous=full", { count: many, inFlight: 100, synchronous: "full" }),
      sendBatches(many),
      send("1 in flight, synchronous=normal", { count: many, inFlight: 1, synchronous: "normal" }),
      drain("no results", { ...drained, keepsResults: false }),
      drain("results, synchronous=normal", { ...drained, keepsResults: true, synchronous: "normal" }),
      drain("results, synchronous=full", { ...drained, keepsResults: true, synchronous: "full" }),
      idle(quick),
      ...growth(quick),
      room(quick, 70_000), // a file is tended once a minute while it is open
    ];
  },
};
