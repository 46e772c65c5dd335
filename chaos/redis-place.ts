import { cp } from "node:fs/promises";
import { join } from "node:path";
import { Redis } from "ioredis";
import { RedisServer } from "../test/support/redis.ts";
import { QUEUE, type Key, type Place, type Server } from "./place.ts";

/** What is answered is on the disk. The log of all writes is kept whole, with the second of each: it tells what became of a message. */
const DURABLE = ["--appendonly", "yes", "--appendfsync", "always"];
const WHOLE = ["--auto-aof-rewrite-percentage", "0", "--aof-timestamp-enabled", "yes"];

/** Kombu: `redis.py:Channel.sep`, `PRIORITY_STEPS`. */
const LISTS = [QUEUE, ...["3", "6", "9"].map((step) => `${QUEUE}\x06\x16${step}`)];

/** A Redis of the hunt's own, looked at by a client that has nothing to do with Celeriac. */
export class RedisPlace implements Place, Server {
  readonly server: Server = this;
  readonly #redis: RedisServer;
  readonly #client: Redis;

  static async start(): Promise<RedisPlace> {
    return new RedisPlace(await RedisServer.start(...DURABLE, ...WHOLE));
  }

  private constructor(redis: RedisServer) {
    this.#redis = redis;
    this.#client = new Redis(redis.url, { maxRetriesPerRequest: null });
    this.#client.on("error", () => undefined); // it is away now and then
  }

  get url(): string {
    return this.#redis.url;
  }

  get pid(): number {
    return this.#redis.pid;
  }

  async restart(): Promise<void> {
    await this.#redis.kill();
    await this.#redis.start();
  }

  async cut(which: number): Promise<boolean> {
    try {
      const own = String(await this.#client.client("ID"));
      const all = String(await this.#client.client("LIST")).matchAll(/^id=(\d+)/gm);
      const ids = [...all].flatMap(([, id = ""]) => (id === own ? [] : id));
      const id = ids[Math.floor(which * ids.length)];
      return id !== undefined && Number(await this.#client.client("KILL", "ID", id)) === 1;
    } catch {
      return false; // it is away
    }
  }

  /** What a Python worker has taken and not noted yet is seen by nobody. Leases that have outlived their messages are waited for, too. */
  async messages(): Promise<number> {
    const waiting = await Promise.all(LISTS.map((list) => this.#client.llen(list)));
    const held = Math.max(await this.#client.hlen("unacked"), await this.#client.zcard(`celeriac:leases:${QUEUE}`));
    return held + waiting.reduce((sum, each) => sum + each, 0);
  }

  async keys(): Promise<readonly Key[]> {
    const names = (await this.#client.keys("*")).toSorted();
    const left = await Promise.all(names.map((name) => this.#client.pttl(name)));
    return names.map((name, index) => ({ name, isExpiring: (left[index] ?? -1) >= 0 }));
  }

  async clients(): Promise<number> {
    const info = await this.#client.info("clients");
    return Number(/^connected_clients:(\d+)/m.exec(info)?.[1]) - 1;
  }

  async keep(directory: string): Promise<void> {
    await cp(this.#redis.directory, join(directory, "redis"), { recursive: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.disconnect();
    await this.#redis[Symbol.asyncDispose]();
  }
}
