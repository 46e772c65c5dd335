import { join } from "node:path";
import { describe } from "vitest";
import { redis } from "../../src/adapters/redis/index.ts";
import { Celeriac } from "../../src/app/celeriac.ts";
import type { CeleriacConfig } from "../../src/app/config.ts";
import type { WorkerOptions } from "../../src/worker/options.ts";
import { Worker } from "../../src/worker/worker.ts";
import { CeleryEvents } from "./celery-events.ts";
import { CeleryWorker, type CeleryWorkerOptions } from "./celery-worker.ts";
import { eventually } from "./eventually.ts";
import { Flower } from "./flower.ts";
import { defineShopTasks } from "./shop-tasks.ts";
import { output } from "./processes.ts";
import { PythonProcess } from "./python-process.ts";
import { PYTHON_PEERS, pythonOf, type PythonPeer } from "./python.ts";
import { HAS_REDIS, RedisServer } from "./redis.ts";

const DIRECTORY = join(import.meta.dirname, "../interop/python");

/** The same tests with each Celery, skipped where it or Redis is not to be had. */
export function describeWithEachCelery(declare: (peer: PythonPeer) => void): void {
  for (const peer of PYTHON_PEERS) {
    describe.skipIf(pythonOf(peer) === "" || !HAS_REDIS)(`with ${peer.name}`, () => declare(peer));
  }
}

export interface ShopQueue {
  readonly name: string;
  readonly exchange: string;
  readonly type: "direct" | "topic";
  readonly key: string;
}

export interface ShopOptions {
  readonly peer: PythonPeer;
  /** Python's settings, by Celery's names. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Ours. */
  readonly config?: CeleriacConfig;
  /** What both halves declare. @default none but the default queue */
  readonly queues?: readonly ShopQueue[];
  /** @default none */
  readonly globalKeyprefix?: string;
  readonly resultKeyprefix?: string;
}

/**
 * One Redis with an app of ours and one of Python's on it. The tasks `python.…` of `python/shop.py` go to the queue `python`, those of
 * `shop-tasks.ts`, `typescript.…`, to `typescript`; both have `both.…`.
 */
export class Shop implements AsyncDisposable {
  readonly server: RedisServer;
  readonly app: Celeriac;
  /** What our tasks were called with. */
  readonly received: readonly unknown[];
  readonly #session: PythonProcess;
  readonly #python: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #workers: AsyncDisposable[] = [];

  static async open(options: ShopOptions): Promise<Shop> {
    return new Shop(await RedisServer.start(), options);
  }

  private constructor(
    server: RedisServer,
    { peer, settings = {}, config = {}, queues = [], ...prefixes }: ShopOptions,
  ) {
    this.server = server;
    this.#python = pythonOf(peer);
    this.#env = { SHOP: JSON.stringify({ url: server.url, settings, queues }) };
    this.#session = new PythonProcess({
      python: this.#python,
      args: [join(DIRECTORY, "shop_session.py")],
      env: this.#env,
    });
    const adapter = redis({ url: server.url, ...prefixes });
    const taskRoutes = { "python.*": { queue: "python" }, "typescript.*": { queue: "typescript" } };
    const taskQueues = queues.map(({ name, exchange, type, key }) => ({
      name,
      exchange,
      exchangeType: type,
      routingKey: key,
    }));
    this.app = new Celeriac(
      { broker: adapter, resultBackend: adapter, taskRoutes, taskQueues, ...config },
      { env: {} },
    );
    this.received = defineShopTasks(this.app);
  }

  /** The value of an expression in Python, as `python/shop_session.py` evaluates it. Rejects with PythonError. */
  python(expression: string): Promise<unknown> {
    return this.#session.ask(expression);
  }

  /** Resolves once no message of either half's queue waits or is in the hands of a worker. */
  settled(): Promise<void> {
    return eventually(async () => {
      const count = await this.python("unsettled()");
      if (count !== 0) throw new Error(`${String(count)} messages are not settled.`);
    });
  }

  /** What `celery …` prints. */
  celery(...args: readonly string[]): Promise<string> {
    const env = { ...process.env, ...this.#env, PYTHONPATH: DIRECTORY, PYTHONDONTWRITEBYTECODE: "1" };
    return output(this.#python, ["-m", "celery", "-A", "shop", ...args], { env });
  }

  /** A worker of Python's, stopped with the shop. */
  async pythonWorker(
    options: Pick<CeleryWorkerOptions, "queues" | "pool" | "events" | "neighbourly" | "heartbeatInterval">,
  ): Promise<CeleryWorker> {
    const place = { python: this.#python, directory: DIRECTORY, app: "shop", env: this.#env };
    const worker = await CeleryWorker.start({ ...place, ...options });
    this.#workers.push(worker);
    return worker;
  }

  /** `celery events --dump`, stopped with the shop. */
  celeryEvents(): CeleryEvents {
    const events = new CeleryEvents({ python: this.#python, directory: DIRECTORY, app: "shop", env: this.#env });
    this.#workers.push(events);
    return events;
  }

  /** Flower, of a peer that has it, stopped with the shop. */
  async flower(): Promise<Flower> {
    const place = { python: this.#python, directory: DIRECTORY, app: "flower_shop", env: this.#env };
    const flower = await Flower.start(place);
    this.#workers.push(flower);
    return flower;
  }

  /** A worker of ours, stopped with the shop. */
  async worker(options: WorkerOptions): Promise<Worker> {
    const worker = new Worker(this.app, { livenessThread: false, ...options });
    this.#workers.push({ [Symbol.asyncDispose]: () => worker.stop({ graceMs: 0 }) });
    await worker.start();
    return worker;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker[Symbol.asyncDispose]()));
    await Promise.all([this.app.close(), this.#session[Symbol.asyncDispose]()]);
    await this.server[Symbol.asyncDispose]();
  }
}
