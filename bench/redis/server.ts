import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Redis } from "ioredis";
import type { Figures, Place } from "../contender.ts";
import type { Server } from "../server.ts";

/** Of the `redis-server` that there is to be started; undefined where there is none. */
function redisVersion(): string | undefined {
  const { status, stdout } = spawnSync("redis-server", ["--version"], { encoding: "utf8" });
  return status === 0 ? `Redis ${/v=(\S+)/.exec(stdout)?.[1] ?? ""}` : undefined;
}

/** For contenders that stand on Redis. */
export function lacksRedis(): string | undefined {
  return redisVersion() === undefined ? "there is no redis-server in the PATH." : undefined;
}

/** A Redis of its own on a free port of the loopback, that writes nothing to the disk. */
export async function startRedis(): Promise<Server | undefined> {
  const version = redisVersion();
  if (version === undefined) return undefined;
  const [port, directory] = [await freePort(), await mkdtemp(join(tmpdir(), "celeriac-bench-redis-"))];
  const place = ["--port", String(port), "--bind", "127.0.0.1", "--dir", directory];
  const server = spawn("redis-server", [...place, "--save", "", "--appendonly", "no"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exit = once(server, "exit");
  for await (const line of createInterface(server.stdout)) if (line.includes("Ready to accept connections")) break;
  server.stdout.resume();
  return {
    version,
    emptied: async () => {
      await empty(port);
      return { redisPort: port };
    },
    [Symbol.asyncDispose]: async () => {
      server.kill("SIGTERM");
      await exit;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Nothing is in it then, and its memory is given back. */
async function empty(port: number): Promise<void> {
  await asking(port, async (redis) => {
    await redis.flushall("SYNC");
    await redis.call("SCRIPT", "FLUSH");
    await redis.call("MEMORY", "PURGE");
  });
}

export function portOf({ redisPort }: Place): number {
  if (redisPort === undefined) throw new Error("This is measured on Redis, and there is none.");
  return redisPort;
}

export function usedMemory(port: number): Promise<number> {
  return asking(port, async (redis) => numberIn(await redis.info("memory"), "used_memory"));
}

/** What the server did for one task. */
interface Tally extends Figures {
  /** Those that scripts call among them. */
  readonly commands: number;
  /** In both directions. */
  readonly bytes: number;
  /** Its CPU, in microseconds. */
  readonly server: number;
}

/** Does the work, and tells beside its own figures what the server had to do for each of so many tasks. */
export async function tallied(port: number, tasks: number, work: () => Promise<Figures>): Promise<Figures & Tally> {
  const before = await totals(port);
  const figures = await work();
  const after = await totals(port);
  return {
    ...figures,
    commands: (after.commands - before.commands) / tasks,
    bytes: (after.bytes - before.bytes) / tasks,
    server: (after.server - before.server) / tasks,
  };
}

/** Since it was started. */
function totals(port: number): Promise<Tally> {
  return asking(port, async (redis) => {
    const [commands, stats, cpu] = [
      await redis.info("commandstats"),
      await redis.info("stats"),
      await redis.info("cpu"),
    ];
    const calls = [...commands.matchAll(/:calls=(\d+)/g)].map(([, count]) => Number(count));
    return {
      commands: calls.reduce((sum, count) => sum + count, 0),
      bytes: numberIn(stats, "total_net_input_bytes") + numberIn(stats, "total_net_output_bytes"),
      server: (numberIn(cpu, "used_cpu_user") + numberIn(cpu, "used_cpu_sys")) * 1e6,
    };
  });
}

async function asking<T>(port: number, ask: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(port, "127.0.0.1");
  try {
    return await ask(redis);
  } finally {
    redis.disconnect();
  }
}

/** One line of INFO. */
function numberIn(info: string, name: string): number {
  return Number(new RegExp(`^${name}:([\\d.]+)`, "m").exec(info)?.[1] ?? NaN);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
