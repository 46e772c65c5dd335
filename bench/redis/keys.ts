import type { Ground } from "../celeriac/contender.ts";
import { portOf, tallied, usedMemory } from "./server.ts";

export const redisKeys: Ground = {
  urlOf: (place) => `redis://127.0.0.1:${portOf(place)}`,
  sizeOf: (place) => usedMemory(portOf(place)),
  tallied: (place, tasks, work) => tallied(portOf(place), tasks, work),
};
