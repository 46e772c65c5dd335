import { join } from "node:path";
import { describe } from "vitest";
import { amqp } from "../../src/adapters/amqp/index.ts";
import { Celeriac } from "../../src/app/celeriac.ts";
import type { CeleriacConfig } from "../../src/app/config.ts";
import type { WorkerOptions } from "../../src/worker/options.ts";
import { Worker } from "../../src/worker/worker.ts";
import { CeleryEvents } from "./celery-events.ts";
import { CeleryWorker, type CeleryWorkerOptions } from "./celery-worker.ts";
import { output } from "./processes.ts";
import { PythonProcess } from "./python-process.ts";
import { PYTHON_PEERS, pythonOf, type PythonPeer } from "./python.ts";
import { RabbitVhost, SHARED_RABBITMQ } from "./rabbitmq-vhost.ts";
import { defineShopTasks } from "./shop-tasks.ts";

const DIRECTORY = join(import.meta.dirname, "../interop/python");

/** The same tests with each Celery, skipped where it or RabbitMQ is not to be had. */
export function describeWithEachCeleryOnRabbitMq(declare: (peer: PythonPeer) => void): void {
  for (const peer of PYTHON_PEERS) {
    describe.skipIf(pythonOf(peer) === "" || SHARED_RABBITMQ === "")(`with ${peer.name}`, () => declare(peer));
  }
}

/** A virtual host with an app of ours and one of Python's on it, as `Shop` has them on a Redis; results are sent to who asks. */
export class RabbitShop implements AsyncDisposable {
  readonly vhost: RabbitVhost;
  readonly app: Celeriac;
  readonly #session: PythonProcess;
  readonly #python: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #workers: AsyncDisposable[] = [];

  static async open(peer: PythonPeer, config: CeleriacConfig = {}): Promise<RabbitShop> {
    return new RabbitShop(await RabbitVhost.open(), peer, config);
  }

  private constructor(vhost: RabbitVhost, peer: PythonPeer, config: CeleriacConfig) {
    this.vhost = vhost;
    this.#python = pythonOf(peer);
    const { url } = vhost;
    this.#env = { SHOP: JSON.stringify({ url, backend: "rpc://", settings: {}, queues: [] }) };
    const session = join(DIRECTORY, "shop_session.py");
    this.#session = new PythonProcess({ python: this.#python, args: [session], env: this.#env });
    const taskRoutes = { "python.*": { queue: "python" }, "typescript.*": { queue: "typescript" } };
    this.app = new Celeriac({ broker: amqp({ url }), resultBackend: "rpc://", taskRoutes, ...config }, { env: {} });
    defineShopTasks(this.app);
  }

  /** The value of an expression in Python, as `python/shop_session.py` evaluates it. Rejects with PythonError. */
  python(expression: string): Promise<unknown> {
    return this.#session.ask(expression);
  }

  /** What `celery …` prints. */
  celery(...args: readonly string[]): Promise<string> {
    const env = { ...process.env, ...this.#env, PYTHONPATH: DIRECTORY, PYTHONDONTWRITEBYTECODE: "1" };
    return output(this.#python, ["-m", "celery", "-A", "shop", ...args], { env });
  }

  /** A worker of Python's, stopped with the shop. */
  async pythonWorker(options: Pick<CeleryWorkerOptions, "queues" | "pool" | "events">): Promise<CeleryWorker> {
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
    await this.vhost[Symbol.asyncDispose]();
  }
}
