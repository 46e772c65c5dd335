import { randomUUID } from "node:crypto";
import { afterAll, beforeAll } from "vitest";
import { QueuedBroker } from "../../src/broker/queued/queued-broker.ts";
import { exerciseBroker } from "../../src/testing/conformance/exercise-broker.ts";
import { StallableClock } from "../../src/testing/stallable-clock.ts";
import { systemClock, type Clock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { RedisServer } from "../support/redis.ts";
import { openRedisStore } from "../support/redis-stores.ts";
import { it } from "../support/with-redis.ts";

/** Longer than usual: the tests of this file run side by side, in one process, so each may have to wait for the others. */
const LEASE_MS = 1_500;

let server: RedisServer;

beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(() => server[Symbol.asyncDispose]());

exerciseBroker("redis", {
  test: it.concurrent,
  leaseMs: LEASE_MS,
  open: async ({ leaseMs }) => {
    const keyPrefix = `${randomUUID()}:`;
    const open = (clock: Clock = systemClock): QueuedBroker =>
      new QueuedBroker({ store: openRedisStore({ url: server.url, keyPrefix, clock }), clock, log, leaseMs });
    const stallable = new StallableClock(systemClock);
    return {
      broker: open(stallable),
      second: async () => open(),
      stall: () => stallable.stall(),
      resume: () => stallable.resume(),
      dispose: async () => {},
    };
  },
});
