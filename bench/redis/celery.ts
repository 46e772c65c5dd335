import { Redis } from "ioredis";
import { celeryOn } from "../celery/contender.ts";
import type { Contender } from "../contender.ts";
import { lacksRedis, portOf, tallied } from "./server.ts";

export const celeryOnRedis: Contender = celeryOn({
  lacks: lacksRedis,
  urlOf: (place) => `redis://127.0.0.1:${portOf(place)}/0`,
  openOwed: async (place) => {
    const redis = new Redis(portOf(place), "127.0.0.1");
    return {
      read: async () => (await redis.llen("celery")) + (await redis.hlen("unacked")),
      [Symbol.asyncDispose]: async () => redis.disconnect(),
    };
  },
  tallied: (place, tasks, work) => tallied(portOf(place), tasks, work),
});
