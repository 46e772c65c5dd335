import { beeQueue } from "../bee-queue/contender.ts";
import { bullmq } from "../bullmq/contender.ts";
import { celeriacOn } from "../celeriac/contender.ts";
import { delayed, drain, growth, hear, idle, room, send, sendBatches } from "../scenarios.ts";
import type { Suite, Unit } from "../suite.ts";
import { celeryOnRedis } from "./celery.ts";
import { redisKeys } from "./keys.ts";
import { startRedis } from "./server.ts";

/** What the server does for each task. */
const TALLY: Readonly<Record<string, Unit>> = { commands: "commands", bytes: "bytes", server: "µs" };

/** Beside those who work on the same Redis, and beside Celery itself, whose keys and messages ours are. */
export const redisSuite: Suite = {
  name: "redis",
  startServer: startRedis,
  contenders: [celeriacOn(redisKeys), bullmq, beeQueue, celeryOnRedis],
  scenarios: (quick) => {
    const [few, many] = quick ? [20, 200] : [3_000, 50_000];
    const drained = { waiting: quick ? 200 : 100_000, concurrency: 100 };
    const sent = { rate: "/s", ...TALLY } as const;
    return [
      send("1 in flight", { count: few, inFlight: 1 }),
      send("10 in flight", { count: many, inFlight: 10 }),
      send("100 in flight", { count: many, inFlight: 100 }, sent),
      sendBatches(many, sent),
      drain("results", { ...drained, keepsResults: true }, TALLY),
      drain("no results", { ...drained, keepsResults: false }, TALLY),
      drain("results, events", { ...drained, keepsResults: true, tellsEvents: true }, TALLY),
      drain("no results, events", { ...drained, keepsResults: false, tellsEvents: true }, TALLY),
      hear(quick),
      idle(quick),
      delayed(quick),
      ...growth(quick),
      room(quick, 0),
    ];
  },
};
