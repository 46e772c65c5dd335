import { join } from "node:path";
import { describe } from "vitest";
import { amqp } from "../../src/adapters/amqp/index.ts";
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
import { NEWEST_CELERY, PYTHON_PEERS, pythonOf, type PythonPeer } from "./python.ts";
import { RabbitVhost, SHARED_RABBITMQ } from "./rabbitmq-vhost.ts";
import { HAS_REDIS, RedisServer } from "./redis.ts";

const HALVES = ["python", "typescript", "celery"];
const DIRECTORY = join(import.meta.dirname, "../interop/python");

/** A Python with its Celery, and what carries the messages between it and us. */
export interface ShopPlace {
  readonly peer: PythonPeer;
  /** @default "redis" */
  readonly broker?: "redis" | "rabbitmq";
}

const ON_REDIS: readonly ShopPlace[] = PYTHON_PEERS.map((peer) => ({ peer }));
const ON_RABBITMQ: readonly ShopPlace[] = PYTHON_PEERS.map((peer) => ({ peer, broker: "rabbitmq" }));
const EVERYWHERE: readonly ShopPlace[] = [...ON_REDIS, { peer: NEWEST_CELERY, broker: "rabbitmq" }];

/** The same tests with each Celery on a Redis, and with the newest on a RabbitMQ; skipped where one of these is not to be had. */
export function describeInEachPlace(declare: (place: ShopPlace) => void): void {
  describeIn(EVERYWHERE, declare);
}

/** The same tests with each Celery, skipped where it or Redis is not to be had. */
export function describeWithEachCelery(declare: (peer: PythonPeer) => void): void {
  describeIn(ON_REDIS, ({ peer }) => declare(peer));
}

/** The same tests with each Celery on a Redis, and on a RabbitMQ; skipped where one of these is not to be had. */
export function describeInEveryPlace(declare: (place: ShopPlace) => void): void {
  describeIn([...ON_REDIS, ...ON_RABBITMQ], declare);
}

/** The same tests with each Celery, skipped where it or RabbitMQ is not to be had. */
export function describeWithEachCeleryOnRabbitMq(declare: (place: ShopPlace) => void): void {
  describeIn(ON_RABBITMQ, declare);
}

function describeIn(places: readonly ShopPlace[], declare: (place: ShopPlace) => void): void {
  for (const place of places) {
    const isRabbitMq = place.broker === "rabbitmq";
    const isThere = pythonOf(place.peer) !== "" && HAS_REDIS && (!isRabbitMq || SHARED_RABBITMQ !== "");
    const name = `with ${place.peer.name}${isRabbitMq ? " on RabbitMQ" : ""}`;
    describe.skipIf(!isThere)(name, () => declare(place));
  }
}

export interface ShopQueue {
  readonly name: string;
  readonly exchange: string;
  readonly type: "direct" | "topic";
  readonly key: string;
}

export interface ShopOptions extends ShopPlace {
  /** Where results are: in a Redis, or on their way to who asked. @default "redis" */
  readonly results?: "redis" | "rpc";
  /** Python's settings, by Celery's names. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Ours. */
  readonly config?: CeleriacConfig;
  /** What both halves declare. @default none but the default queue */
  readonly queues?: readonly ShopQueue[];
  /** Of these, on RabbitMQ. @default the server's */
  readonly queueType?: "quorum";
  /** @default none */
  readonly globalKeyprefix?: string;
  readonly resultKeyprefix?: string;
}

/**
 * One Redis, and a virtual host of a RabbitMQ if asked for, with an app of ours and one of Python's on it. The tasks `python.…` of `python/shop.py` go to the queue
 * `python`, those of `shop-tasks.ts`, `typescript.…`, to `typescript`; both have `both.…`.
 */
export class Shop implements AsyncDisposable {
  readonly server: RedisServer;
  readonly vhost: RabbitVhost | undefined;
  readonly app: Celeriac;
  /** What our tasks were called with. */
  readonly received: readonly unknown[];
  /** Where ours is. */
  readonly #place: CeleriacConfig;
  readonly #session: PythonProcess;
  readonly #python: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #workers: AsyncDisposable[] = [];

  static async open(options: ShopOptions): Promise<Shop> {
    const server = await RedisServer.start();
    return new Shop(server, options.broker === "rabbitmq" ? await RabbitVhost.open() : undefined, options);
  }

  private constructor(
    server: RedisServer,
    vhost: RabbitVhost | undefined,
    { peer, results = "redis", settings = {}, config = {}, queues = [], queueType, ...prefixes }: ShopOptions,
  ) {
    this.server = server;
    this.vhost = vhost;
    this.#python = pythonOf(peer);
    const backend = results === "rpc" ? "rpc://" : server.url;
    this.#env = { SHOP: JSON.stringify({ url: this.brokerUrl, backend, settings, queues, queueType }) };
    this.#session = new PythonProcess({
      python: this.#python,
      args: [join(DIRECTORY, "shop_session.py")],
      env: this.#env,
    });
    const inRedis = redis({ url: server.url, ...prefixes });
    const inRabbitMq = vhost && amqp({ url: vhost.url, ...(queueType && { queueType }) });
    this.#place = { broker: inRabbitMq ?? inRedis, resultBackend: results === "rpc" ? "rpc://" : inRedis };
    const taskRoutes = { "python.*": { queue: "python" }, "typescript.*": { queue: "typescript" } };
    const taskQueues = queues.map(({ name, exchange, type, key }) => ({
      name,
      exchange,
      exchangeType: type,
      routingKey: key,
    }));
    this.app = this.otherApp({ taskRoutes, taskQueues, ...config });
    this.received = defineShopTasks(this.app);
  }

  get brokerUrl(): string {
    return this.vhost?.url ?? this.server.url;
  }

  /** One more of ours in the same place, which knows no tasks; whoever asks for it closes it. */
  otherApp(config: CeleriacConfig = {}): Celeriac {
    return new Celeriac({ ...this.#place, ...config }, { env: {} });
  }

  /** The value of an expression in Python, as `python/shop_session.py` evaluates it. Rejects with PythonError. */
  python(expression: string): Promise<unknown> {
    return this.#session.ask(expression);
  }

  /** Resolves once no message of either half's queue waits or is in the hands of a worker. */
  settled(): Promise<void> {
    return eventually(async () => {
      const count = await (this.vhost === undefined ? this.python("unsettled()") : messagesOf(this.vhost));
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
    const flower = await Flower.start({ ...place, brokerApi: this.vhost?.api });
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
    await this.vhost?.[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

/** How many wait or are in the hands of a worker. */
async function messagesOf(vhost: RabbitVhost): Promise<number> {
  const queues = (await vhost.queues()).filter(({ name }) => HALVES.includes(String(name)));
  return queues.reduce((sum, { messages }) => sum + Number(messages ?? 0), 0);
}
