import { randomUUID } from "node:crypto";
import { afterAll } from "vitest";
import { redis } from "celeriac/redis";
import type { Adapter } from "../../src/adapters/adapter.ts";
import { RedisServer } from "./redis.ts";

let starting: Promise<RedisServer> | undefined;

// A hook of the test file that imports this.
afterAll(async () => (await starting)?.[Symbol.asyncDispose]());

/** The server that all tests of a file share, started when the first of them needs it. */
function redisOfFile(): Promise<RedisServer> {
  return (starting ??= RedisServer.start());
}

/** A place in it that nobody else has. */
export async function ownPlaceInRedis(): Promise<Adapter> {
  const { url } = await redisOfFile();
  const prefix = `${randomUUID()}:`;
  return redis({ url, globalKeyprefix: prefix, resultKeyprefix: prefix });
}
