import type { Adapter } from "../../src/adapters/adapter.ts";
import { redis } from "../../src/adapters/redis/index.ts";
import { sqlite } from "../../src/adapters/sqlite/index.ts";
import { HAS_REDIS, RedisServer } from "./redis.ts";
import { sqliteFile } from "./sqlite-file.ts";

/** Where processes meet; gone when disposed. */
export interface SharedPlace extends AsyncDisposable {
  readonly url: string;
}

/** By the backend's name, each made anew. */
export const SHARED_PLACES: Readonly<Record<string, () => Promise<SharedPlace>>> = {
  sqlite: async () => {
    const file = await sqliteFile();
    return { url: file.path, [Symbol.asyncDispose]: () => file[Symbol.asyncDispose]() };
  },
  ...(HAS_REDIS ? { redis: () => RedisServer.start() } : {}),
};

export function placeAt(url: string): Adapter {
  return url.startsWith("redis:") ? redis({ url }) : sqlite({ path: url });
}
