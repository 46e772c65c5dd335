import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { freePort } from "./processes.ts";

const PROGRAM = process.env["CELERIAC_TEST_REDIS_SERVER"] ?? "";

/** Whether there is a `redis-server` to be started. test/support/global/redis.ts finds it; test/support/with-redis.ts skips tests without it. */
export const HAS_REDIS: boolean = PROGRAM !== "";

/** What the hunts start, which no test has looked for it. */
const IN_PATH = "redis-server";
const IN_MEMORY = ["--save", "", "--appendonly", "no"];

/** A Redis server of a test's own, on a free port of the loopback and in a directory of its own, which writes nothing to the disk unless asked to. */
export class RedisServer implements AsyncDisposable {
  readonly port: number;
  readonly directory: string;
  readonly #options: readonly string[];
  #running: { readonly process: ChildProcess; readonly exit: Promise<unknown> } | undefined;

  static async start(...options: readonly string[]): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), await mkdtemp(join(tmpdir(), "celeriac-redis-")), [
      ...IN_MEMORY,
      ...options,
    ]);
    await server.start();
    return server;
  }

  /** A sentinel that alone decides about a master of the loopback, which it calls `main`. */
  static async startSentinel(masterPort: number): Promise<RedisServer> {
    const directory = await mkdtemp(join(tmpdir(), "celeriac-redis-"));
    const configuration = [
      `sentinel monitor main 127.0.0.1 ${masterPort} 1`,
      "sentinel down-after-milliseconds main 500",
      "sentinel failover-timeout main 2000",
    ];
    const file = join(directory, "sentinel.conf");
    await writeFile(file, configuration.join("\n"));
    const sentinel = new RedisServer(await freePort(), directory, [file, "--sentinel"]);
    await sentinel.start();
    return sentinel;
  }

  private constructor(port: number, directory: string, options: readonly string[]) {
    this.port = port;
    this.directory = directory;
    this.#options = options;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** 0 while it does not run. */
  get pid(): number {
    return this.#running?.process.pid ?? 0;
  }

  /** After `kill`: on the same port, with what the disk has. */
  async start(...more: readonly string[]): Promise<void> {
    const place = ["--port", String(this.port), "--bind", "127.0.0.1", "--dir", this.directory];
    const options = [...this.#options, ...place, ...more];
    const process = spawn(PROGRAM === "" ? IN_PATH : PROGRAM, options, { stdio: ["ignore", "pipe", "inherit"] });
    this.#running = { process, exit: once(process, "exit") };
    for await (const line of createInterface(process.stdout)) {
      if (/Ready to accept connections|\+monitor/.test(line)) {
        process.stdout.resume();
        return;
      }
    }
    throw new Error(`${PROGRAM} ${options.join(" ")} did not start.`);
  }

  signal(name: NodeJS.Signals): void {
    this.#running?.process.kill(name);
  }

  async kill(name: NodeJS.Signals = "SIGKILL"): Promise<void> {
    this.signal("SIGCONT");
    this.signal(name);
    await this.#running?.exit;
    this.#running = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }
}
