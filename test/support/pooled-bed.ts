import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import type { AsyncResult, Celeriac, SendOptions } from "celeriac";
import { Worker, type WorkerOptions } from "celeriac/worker";
import type { PoolName } from "../../src/app/config.ts";
import type { DeadLetter } from "../../src/broker/broker.ts";
import { startWorker, type WorkerProcess } from "./cli.ts";
import { eventually } from "./eventually.ts";
import { BROKEN, makePooledApp, type Place, PLACE_VARIABLE } from "./pooled-tasks.ts";
import { type RecordedLine, recordingLogger } from "./recording-logger.ts";
import { HAS_REDIS, RedisServer } from "./redis.ts";
import { TYPESCRIPT_PRELOAD } from "./typescript-in-build.ts";

/** Where messages and results are. */
export type StoreName = "sqlite" | "redis";

/** On Redis without threads: they differ from processes in nothing that Redis could see. */
export const POOLED: readonly (readonly [PoolName, StoreName])[] = [
  ["inline", "sqlite"],
  ["threads", "sqlite"],
  ["processes", "sqlite"],
  ...(HAS_REDIS
    ? ([
        ["inline", "redis"],
        ["processes", "redis"],
      ] as const)
    : []),
];

/** Children start slowly when the machine has much else to do. */
export const PATIENCE = { timeoutMs: 20_000 };

const APP_MODULE = new URL("./pooled-app.ts", import.meta.url);

/** A worker's own options, and how its app differs. */
export interface PooledWorkerOptions extends WorkerOptions, Omit<Place, "directory" | "url"> {}

/** One store, and workers on it that run the tasks of `pooled-tasks.ts` in one kind of pool. */
export class PooledBed implements AsyncDisposable {
  readonly pool: PoolName;
  readonly directory: string;
  /** Sends, and looks; runs nothing. */
  readonly app: Celeriac;
  /** What the workers of this process logged. */
  readonly log: readonly RecordedLine[];
  readonly #logger = recordingLogger();
  /** Where messages and results are, unless it is the usual place in the directory. */
  readonly #url: string | undefined;
  readonly #opened: AsyncDisposable[] = [];

  private constructor(pool: PoolName, directory: string, server: RedisServer | undefined) {
    this.pool = pool;
    this.directory = directory;
    this.#url = server === undefined ? undefined : this.#opening(server).url;
    this.log = this.#logger.lines;
    this.app = this.#opening(makePooledApp({ directory, url: this.#url }));
  }

  static async open(pool: PoolName, store: StoreName = "sqlite"): Promise<PooledBed> {
    const directory = await mkdtemp(join(tmpdir(), "celeriac-pools-"));
    return new PooledBed(pool, directory, store === "redis" ? await RedisServer.start() : undefined);
  }

  /** A started worker in this process. */
  async worker({ config = {}, leavesOut = [], ...options }: PooledWorkerOptions = {}): Promise<Worker> {
    const place: Place = { directory: this.directory, url: this.#url, config, leavesOut };
    process.env[PLACE_VARIABLE] = JSON.stringify(place); // for its children
    const app = this.#opening(makePooledApp(place, this.#logger.log));
    const usual = { appModule: { url: APP_MODULE.href }, preload: [TYPESCRIPT_PRELOAD], concurrency: 2 };
    const worker = new Worker(app, { pool: this.pool, ...usual, livenessThread: false, ...options });
    this.#opened.push({ [Symbol.asyncDispose]: () => worker.stop({ graceMs: 0 }) });
    await worker.start();
    return worker;
  }

  /** A worker in a process of its own, as `celeriac worker` makes it. */
  async workerProcess(
    args: readonly string[] = [],
    { config = {}, env = {} }: Pick<Place, "config"> & { readonly env?: Readonly<Record<string, string>> } = {},
  ): Promise<WorkerProcess> {
    const place: Place = { directory: this.directory, url: this.#url, config };
    const command = ["-A", fileURLToPath(APP_MODULE), "worker", "-P", this.pool, "--without-liveness-thread", ...args];
    const options = { cwd: this.directory, env: { ...env, [PLACE_VARIABLE]: JSON.stringify(place) } };
    return this.#opening(await startWorker(command, options));
  }

  call(task: string, args: readonly unknown[] = [], options: SendOptions = {}): Promise<AsyncResult> {
    return this.app.sendTask(task, { args, ...options });
  }

  /** The value of a call that is made now. */
  async valueOf(task: string, args: readonly unknown[] = [], options: SendOptions = {}): Promise<unknown> {
    return (await this.call(task, args, options)).get(PATIENCE);
  }

  /** What tasks have noted so far, a line for each step. */
  get journal(): readonly string[] {
    const path = join(this.directory, "journal");
    return existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : [];
  }

  /** How often that was noted. */
  count(step: string): number {
    return this.journal.filter((line) => line === step).length;
  }

  /** The numbers that were noted with these words. */
  numbers(words: string): readonly number[] {
    return this.journal.flatMap((line) => (line.startsWith(`${words} `) ? [Number(line.slice(words.length))] : []));
  }

  /** Resolves once a task has noted that, so often. */
  noted(step: string, times = 1): Promise<void> {
    return eventually(() => expect(this.count(step), step).toBeGreaterThanOrEqual(times), PATIENCE);
  }

  /** Lets tasks go on that wait for it. */
  openGate(name: string): void {
    writeFileSync(join(this.directory, name), "");
  }

  /** Says whether the app's module can be imported from now on. */
  set isBroken(isBroken: boolean) {
    const path = join(this.directory, BROKEN);
    if (isBroken) writeFileSync(path, "");
    else rmSync(path, { force: true });
  }

  async depth(): Promise<{ readonly ready: number; readonly delayed: number; readonly unacked: number }> {
    const { ready = 0, delayed = 0, unacked = 0 } = (await (await this.app.broker()).inspect("celery")) ?? {};
    return { ready, delayed, unacked };
  }

  /** The dead letters, once there are so many. */
  deadLetters(count: number): Promise<readonly DeadLetter[]> {
    return eventually(async () => {
      const letters = await (await this.app.broker()).deadLetters();
      expect(letters).toHaveLength(count);
      return letters;
    }, PATIENCE);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const opened of this.#opened.reverse()) await opened[Symbol.asyncDispose]();
    await rm(this.directory, { recursive: true, force: true });
  }

  #opening<T extends AsyncDisposable>(opened: T): T {
    this.#opened.push(opened);
    return opened;
  }
}

/** Why a call had no value. */
export async function errorOf(result: AsyncResult, timeoutMs: number = PATIENCE.timeoutMs): Promise<unknown> {
  return result.get({ timeoutMs }).then(
    (value) => `it gave ${JSON.stringify(value)}`,
    (reason: unknown) => reason,
  );
}
