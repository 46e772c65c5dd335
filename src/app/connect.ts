import type { Adapter, ResultBackendContext } from "../adapters/adapter.ts";
import type { RedisOptions } from "../adapters/redis/index.ts";
import type { SqliteOptions } from "../adapters/sqlite/index.ts";
import type { ResultBackend } from "../backend/result-backend.ts";
import { maskUrl } from "../util/mask-url.ts";
import { ConfigError } from "./config-error.ts";
import type { ResolvedConfig } from "./config.ts";

type TransportOptions = Partial<ResolvedConfig["resultBackendTransportOptions"]>;

/** Scheme → the adapter behind it, loaded on use. The only place that names adapters. */
const ADAPTERS: Readonly<Record<string, (url: string, transport: TransportOptions) => Promise<Adapter>>> = {
  memory: async () => (await import("../adapters/memory/index.ts")).memory(),
  sqlite: async (url) => (await import("../adapters/sqlite/index.ts")).sqlite(sqliteOptions(url)),
  redis: redisAdapter,
  rediss: redisAdapter,
  "redis+socket": redisAdapter,
  unix: redisAdapter,
  sentinel: redisAdapter,
  postgres: postgresAdapter,
  postgresql: postgresAdapter,
  amqp: amqpAdapter,
  amqps: amqpAdapter,
  pyamqp: amqpAdapter,
};

/** The adapter that a URL names, or the one given, which has its options. `option` names the setting in errors. Rejects with ConfigError. */
export async function connectAdapter(
  option: string,
  target: string | Adapter,
  transport: TransportOptions = {},
): Promise<Adapter> {
  if (typeof target !== "string") return target;
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(target)?.[1]?.toLowerCase();
  const load = scheme === undefined ? undefined : ADAPTERS[scheme];
  if (load !== undefined) return load(target, transport);
  const known = Object.keys(ADAPTERS).map((name) => `${name}:`);
  throw new ConfigError(`${option} is "${maskUrl(target)}", whose scheme is not known. Known: ${known.join(", ")}.`);
}

/** `sqlite:PATH` or `sqlite:PATH?synchronous=normal`, the path taken as it stands. */
function sqliteOptions(url: string): SqliteOptions {
  const [path = "", query] = url.slice("sqlite:".length).split("?");
  if (path === "" || path.startsWith("//")) {
    throw new ConfigError(
      `"${url}" names no file. Write sqlite:PATH, for example sqlite:celeriac.db or sqlite:/var/lib/app/celeriac.db.`,
    );
  }
  return { path, ...(query === undefined ? {} : { synchronous: synchronousOf(url, query) }) };
}

function synchronousOf(url: string, query: string): "full" | "normal" {
  const [, value] = /^synchronous=(full|normal)$/.exec(query) ?? [];
  if (value === "full" || value === "normal") return value;
  throw new ConfigError(`"${url}" has an unknown option "${query}". Known: synchronous=full, synchronous=normal.`);
}

async function redisAdapter(url: string, transport: TransportOptions): Promise<Adapter> {
  const { redis, RedisUrlError } = await import("../adapters/redis/index.ts");
  try {
    return redis({ url, ...redisOptions(transport) });
  } catch (error) {
    if (!(error instanceof RedisUrlError)) throw error;
    throw new ConfigError(`"${maskUrl(url)}" cannot be used. ${error.message}`, { cause: error });
  }
}

/** What a Redis behind a URL is opened with. */
function redisOptions({ globalKeyprefix, masterName, sentinelKwargs }: TransportOptions): Omit<RedisOptions, "url"> {
  return {
    ...(globalKeyprefix === undefined ? {} : { globalKeyprefix, resultKeyprefix: globalKeyprefix }),
    ...(masterName === undefined ? {} : { masterName }),
    ...(sentinelKwargs?.username === undefined ? {} : { sentinelUsername: sentinelKwargs.username }),
    ...(sentinelKwargs?.password === undefined ? {} : { sentinelPassword: sentinelKwargs.password }),
  };
}

async function postgresAdapter(url: string): Promise<Adapter> {
  const { postgres, PostgresUrlError } = await import("../adapters/postgres/index.ts");
  try {
    return postgres({ url });
  } catch (error) {
    if (!(error instanceof PostgresUrlError)) throw error;
    throw new ConfigError(`"${maskUrl(url)}" cannot be used. ${error.message}`, { cause: error });
  }
}

async function amqpAdapter(url: string): Promise<Adapter> {
  const { amqp, AmqpUrlError } = await import("../adapters/amqp/index.ts");
  try {
    return amqp({ url });
  } catch (error) {
    if (!(error instanceof AmqpUrlError)) throw error;
    throw new ConfigError(`"${maskUrl(url)}" cannot be used. ${error.message}`, { cause: error });
  }
}

/** Results that live only in this process: eager mode's. */
export async function openMemoryBackend(context: ResultBackendContext): Promise<ResultBackend> {
  const { memory } = await import("../adapters/memory/index.ts");
  return memory().createResultBackend(context);
}
