import type { Adapter } from "../../src/adapters/adapter.ts";
import { redis } from "../../src/adapters/redis/index.ts";
import { sqlite } from "../../src/adapters/sqlite/index.ts";
import { postgres } from "../../src/adapters/postgres/index.ts";
import { beside } from "./beside.ts";
import { HAS_POSTGRES, postgresPlace } from "./postgres-places.ts";
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
  ...(HAS_POSTGRES ? { "sqlite, with results and keys in postgres": besidePostgres } : {}),
};

/** Stands between the two URLs of one place. */
const AND = " and ";

async function besidePostgres(): Promise<SharedPlace> {
  const [file, { url, schema, ...place }] = [await sqliteFile(), postgresPlace()];
  return {
    url: `${file.path}${AND}${url}?schema=${schema}`,
    [Symbol.asyncDispose]: async () => {
      await file[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    },
  };
}

export function placeAt(url: string): Adapter {
  const [messages = url, results] = url.split(AND);
  if (results !== undefined) return beside(placeAt(messages), postgres({ url: results }));
  return url.startsWith("redis:") ? redis({ url }) : sqlite({ path: url });
}
