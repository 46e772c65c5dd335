import { afterAll, beforeAll } from "vitest";
import { redis } from "../../src/adapters/redis/index.ts";
import { exerciseResultBackend } from "../../src/testing/conformance/exercise-result-backend.ts";
import { systemClock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { RedisServer } from "../support/redis.ts";
import { it } from "../support/with-redis.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(() => server[Symbol.asyncDispose]());

let places = 0;

exerciseResultBackend("redis results", {
  test: it.concurrent,
  createPlace: async () => {
    const adapter = redis({ url: server.url, resultKeyprefix: `place${(places += 1)}` });
    const createBackend = ({ resultExpiresMs }: { readonly resultExpiresMs: number }) =>
      present(adapter.createResultBackend)({ clock: systemClock, log, resultExpiresMs });
    return { createBackend, [Symbol.asyncDispose]: async () => undefined };
  },
});

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("absent");
  return value;
}
