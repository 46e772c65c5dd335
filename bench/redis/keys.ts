import type { Ground } from "../celeriac/contender.ts";
import { lacksRedis, portOf, tallied, usedMemory } from "./server.ts";

export const redisKeys: Ground = {
  lacks: lacksRedis,
  urlOf: (place) => `redis://127.0.0.1:${portOf(place)}`,
  sizeOf: (place) => usedMemory(portOf(place)),
  tallied: (place, tasks, work) => tallied(portOf(place), tasks, work),
};
