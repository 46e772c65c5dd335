import { setMaxListeners } from "node:events";
import { hostname } from "node:os";
import type { Celeriac } from "../app/celeriac.ts";
import { checkRequiredEnv } from "../app/environment.ts";
import { runTask } from "../app/run-task.ts";
import { SoftTimeLimitExceededError } from "../app/steering.ts";
import type { Broker, Consumer } from "../broker/broker.ts";
import { InlinePool } from "../pool/inline-pool.ts";
import type { Pool } from "../pool/pool.ts";
import { deferred, type Deferred } from "../util/deferred.ts";
import { toError } from "../util/errors.ts";
import type { Logger } from "../util/logger.ts";
import { execute } from "./execution.ts";
import { importTaskModules } from "./import-tasks.ts";
import type { StopOptions, WorkerOptions } from "./options.ts";
import type { WorkerParts } from "./parts.ts";
import { WorkerStoppedError } from "./persist.ts";
import { Revocations } from "./revocations.ts";

/** How long handing back may take once the grace is over, in milliseconds; after that, leases run out. */
const HAND_BACK_MS = 2_000;

/** `stopping` while running tasks finish. */
export type WorkerState = "new" | "starting" | "running" | "stopping" | "stopped";

/** Takes messages from queues, runs their tasks, and settles them. */
export class Worker implements AsyncDisposable {
  readonly hostname: string;
  readonly queues: readonly string[];
  readonly concurrency: number;
  readonly #app: Celeriac;
  readonly #log: Logger;
  readonly #running = new Set<Promise<void>>();
  readonly #giveUp = new AbortController();
  /** Aborts once there is nothing left to wait for. */
  readonly #drained = new AbortController();
  readonly #finished: Deferred<void> = deferred();
  #state: WorkerState = "new";
  #consumer: Consumer | undefined;
  #pool: Pool | undefined;
  #starting: Promise<void> = Promise.resolve();
  #consuming: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | undefined;
  #failure: Error | undefined;

  /** Throws ConfigError when the app's configuration does not hold. */
  constructor(app: Celeriac, options: WorkerOptions = {}) {
    const { config, queues } = app;
    this.#app = app;
    this.#log = options.log ?? app.log;
    this.hostname = options.hostname ?? `celeriac@${hostname()}`;
    this.concurrency = options.concurrency ?? config.workerConcurrency;
    this.queues = options.queues ?? queues.declared;
    this.#finished.promise.catch(() => undefined); // nobody has to look at it
    setMaxListeners(0, this.#giveUp.signal); // one for every running task
  }

  get state(): WorkerState {
    return this.#state;
  }

  /** Resolves once the worker has stopped; rejects then with what broke off its consuming, where that is why. */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  /** How many tasks are running. */
  get busy(): number {
    return this.#pool?.busy ?? 0;
  }

  /**
   * Resolves once messages are being consumed. Rejects with TaskImportError, ConfigError, BrokerUnavailableError or
   * ResultBackendUnavailableError; the worker is then stopped.
   */
  async start(): Promise<void> {
    if (this.#state !== "new") throw new Error(`A worker starts once; this one is ${this.#state}.`);
    this.#state = "starting";
    this.#starting = this.#begin();
    await this.#starting;
  }

  /**
   * Takes nothing more, lets running tasks finish within their grace, and hands the rest back. Resolves once all is settled.
   * Calling it again may shorten the grace.
   */
  stop(options: StopOptions = {}): Promise<void> {
    if (this.#state === "new") this.#end();
    if (this.#state === "stopped") return Promise.resolve();
    this.#limitGrace(options.graceMs ?? this.#app.config.workerShutdownGraceMs);
    this.#stopping ??= this.#drain();
    return this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #begin(): Promise<void> {
    try {
      checkRequiredEnv(this.#app, "worker");
      await importTaskModules(this.#app.config.include);
      await this.#consume(await this.#app.broker());
      this.#state = "running";
    } catch (error) {
      this.#end();
      throw error;
    }
  }

  async #consume(broker: Broker): Promise<void> {
    const { queues } = this.#app;
    await broker.declare(queues.topologyOf(this.queues));
    const pool = this.#makePool();
    const parts = await this.#makeParts(pool);
    await pool.start();
    this.#pool = pool;
    this.#consumer = broker.consume(this.queues, { prefetch: pool.size });
    this.#consuming = this.#executeAll(this.#consumer, parts).catch((error: unknown) => {
      this.#failure = toError(error);
      void this.stop();
    });
  }

  async #executeAll(consumer: Consumer, parts: WorkerParts): Promise<void> {
    for await (const delivery of consumer) {
      const execution = execute(delivery, parts);
      this.#running.add(execution);
      void execution.then(() => this.#running.delete(execution));
    }
  }

  #makePool(): Pool {
    const { config, tasks, resources, clock } = this.#app;
    const runner = { config, tasks, resources, log: this.#log };
    return new InlinePool({
      size: this.concurrency,
      clock,
      runTask: (job, hooks) => runTask(job, hooks, runner),
      softLimitError: (limitMs) => new SoftTimeLimitExceededError(limitMs),
    });
  }

  async #makeParts(pool: Pool): Promise<WorkerParts> {
    const { config, tasks, producer, clock } = this.#app;
    return {
      hostname: this.hostname,
      config,
      tasks,
      producer,
      backend: await this.#app.optionalResultBackend(),
      revocations: new Revocations(await this.#app.keys()),
      pool,
      clock,
      log: this.#log,
      giveUp: this.#giveUp.signal,
    };
  }

  async #drain(): Promise<void> {
    await this.#starting.catch(() => undefined); // start() tells why
    if (this.#state === "stopped") return;
    this.#state = "stopping";
    const settled = this.#settleAll();
    await Promise.race([settled, this.#patienceIsOver()]);
    await this.#consumer?.[Symbol.asyncDispose](); // what is not settled by now is left to its lease
    await settled;
    await this.#pool?.[Symbol.asyncDispose]();
    this.#end();
  }

  async #settleAll(): Promise<void> {
    await this.#consumer?.stop();
    await this.#consuming;
    await Promise.all(this.#running);
  }

  /** Resolves when what was given up has had its time to be handed back: a broker that is away must not keep the worker. */
  async #patienceIsOver(): Promise<void> {
    const { signal } = this.#giveUp;
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    await this.#app.clock.sleep(HAND_BACK_MS, { signal: this.#drained.signal }).catch(() => undefined);
  }

  #limitGrace(graceMs: number): void {
    this.#app.clock.sleep(graceMs, { signal: this.#drained.signal }).then(
      () => this.#giveUp.abort(new WorkerStoppedError(this.hostname)),
      () => undefined, // all finished in time
    );
  }

  #end(): void {
    this.#drained.abort();
    this.#state = "stopped";
    if (this.#failure === undefined) this.#finished.resolve();
    else this.#finished.reject(this.#failure);
  }
}
