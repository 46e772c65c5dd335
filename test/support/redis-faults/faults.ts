import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { FaultyProxy } from "../faulty-proxy.ts";
import { RedisServer } from "../redis.ts";

/** What befalls a Redis or the network before it, made for real. */
export interface Fault {
  readonly name: string;
  /** Whether the server has forgotten everything afterwards. */
  readonly losesData?: true;
  /** Whether the server can be reached all the while, and says what is wrong with it. */
  readonly answersMeanwhile?: true;
  happen(place: FaultyPlace): Promise<void>;
  heal(place: FaultyPlace): Promise<void>;
}

/** How long the server of the last fault takes for each command that it finds on its disk, in microseconds. */
const LOAD_DELAY_US = 20_000;

export const FAULTS: readonly Fault[] = [
  {
    name: "a server that is killed, and comes back with its data",
    happen: ({ server }) => server.kill(),
    heal: ({ server }) => server.start(),
  },
  {
    name: "a server that is killed, and comes back with nothing",
    losesData: true,
    happen: ({ server }) => server.kill(),
    heal: async ({ server }) => {
      await rm(join(server.directory, "appendonlydir"), { recursive: true, force: true });
      await server.start();
    },
  },
  {
    name: "a server that stands still",
    happen: async ({ server }) => server.signal("SIGSTOP"),
    heal: async ({ server }) => server.signal("SIGCONT"),
  },
  {
    name: "a network that lets nothing through and resets nothing",
    happen: async ({ proxy }) => proxy.set("stall"),
    heal: async ({ proxy }) => proxy.set("none"),
  },
  {
    name: "a network that resets connections",
    happen: async ({ proxy }) => proxy.set("refuse"),
    heal: async ({ proxy }) => proxy.set("none"),
  },
  {
    name: "a server that is made a replica, and a master again",
    answersMeanwhile: true,
    happen: ({ server }) => replicaOf(server, "127.0.0.1", "1"),
    heal: ({ server }) => replicaOf(server, "NO", "ONE"),
  },
  {
    name: "a server that loads its data for a long time",
    answersMeanwhile: true,
    happen: async (place) => {
      await place.server.kill();
      place.loaded = place.server.start("--key-load-delay", String(LOAD_DELAY_US));
    },
    heal: ({ loaded }) => loaded,
  },
];

async function replicaOf(server: RedisServer, ...master: readonly [string, string]): Promise<void> {
  await promisify(execFile)("redis-cli", ["-p", String(server.port), "REPLICAOF", ...master]);
}

/** A server of its own that keeps its data, behind a proxy. */
export class FaultyPlace implements AsyncDisposable {
  readonly server: RedisServer;
  readonly proxy: FaultyProxy;
  /** Resolves once a server that was started while nobody waited for it has loaded its data. */
  loaded: Promise<void> = Promise.resolve();

  static async open(): Promise<FaultyPlace> {
    const persistence = "--appendonly yes --appendfsync always --loading-process-events-interval-bytes 1024";
    const server = await RedisServer.start(...persistence.split(" "));
    return new FaultyPlace(server, await FaultyProxy.before(server.port));
  }

  private constructor(server: RedisServer, proxy: FaultyProxy) {
    this.server = server;
    this.proxy = proxy;
  }

  /** Where the fault is felt. */
  get url(): string {
    return `redis://127.0.0.1:${String(this.proxy.port)}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}
