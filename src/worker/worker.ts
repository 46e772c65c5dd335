import { setMaxListeners } from "node:events";
import { hostname } from "node:os";
import type { Celeriac } from "../app/celeriac.ts";
import { checkRequiredEnv } from "../app/environment.ts";
import { checkHazards } from "../app/hazards.ts";
import type { Broker, Consumer, DeadLetterReason, Delivery } from "../broker/broker.ts";
import type { Pool } from "../pool/pool.ts";
import { atMost } from "../util/at-most.ts";
import { deferred, type Deferred } from "../util/deferred.ts";
import { toError } from "../util/errors.ts";
import type { Logger } from "../util/logger.ts";
import { execute } from "./execution.ts";
import { importTaskModules } from "./import-tasks.ts";
import { refuseInPoolChild } from "./in-pool-child.ts";
import { makePool } from "./make-pool.ts";
import type { StopOptions, WorkerOptions } from "./options.ts";
import { untilThere } from "./until-there.ts";
import type { QueueAccess } from "../app/queue-table.ts";
import type { ControlledWorker } from "./control/controlled-worker.ts";
import { openControl } from "./control/open-control.ts";
import { openParts, type OpenParts, type WorkerParts } from "./parts.ts";
import { WorkerStoppedError } from "./persist.ts";

/** How long handing back may take once the grace is over, in milliseconds; after that, leases run out. */
const HAND_BACK_MS = 2_000;

/** `stopping` while running tasks finish. */
export type WorkerState = "new" | "starting" | "running" | "stopping" | "stopped";

/** Takes messages from queues, runs their tasks, and settles them. */
export class Worker implements AsyncDisposable {
  readonly hostname: string;
  readonly #app: Celeriac;
  readonly #options: WorkerOptions;
  readonly #log: Logger;
  readonly #giveUp = new AbortController();
  /** Aborts when it is to stop, however it may be starting still. */
  readonly #called = new AbortController();
  /** Aborts once there is nothing left to wait for. */
  readonly #drained = new AbortController();
  /** What it consumes from, which changes. */
  readonly #queues: Set<string>;
  readonly #finished: Deferred<void> = deferred();
  #concurrency: number;
  #unfinished = 0;
  #isWornOut = false;
  #state: WorkerState = "new";
  #consumer: Consumer | undefined;
  #pool: Pool | undefined;
  #parts: OpenParts | undefined;
  /** Executions under way; `#calm` resolves when there are none any more. */
  #underWay = 0;
  #calm: Deferred<void> | undefined;
  #starting: Promise<void> = Promise.resolve();
  #consuming: Promise<void> = Promise.resolve();
  #control: Promise<AsyncDisposable | undefined> | undefined;
  #startedAt = 0;
  #stopping: Promise<void> | undefined;
  #failure: Error | undefined;
  #fault: DeadLetterReason | undefined;

  /** Throws ConfigError when the app's configuration does not hold. */
  constructor(app: Celeriac, options: WorkerOptions = {}) {
    const { config, queues } = app;
    this.#app = app;
    this.#options = options;
    this.#log = options.log ?? app.log;
    this.hostname = options.hostname ?? `celeriac@${hostname()}`;
    this.#concurrency = options.concurrency ?? config.workerConcurrency;
    this.#queues = new Set(options.queues ?? queues.declared);
    this.#finished.promise.catch(() => undefined); // nobody has to look at it
    setMaxListeners(0, this.#giveUp.signal); // one for every task that waits to be settled
  }

  /** Names of the queues that it consumes from. */
  get queues(): readonly string[] {
    return [...this.#queues];
  }

  get state(): WorkerState {
    return this.#state;
  }

  /** Resolves once the worker has stopped; rejects then with what broke off its consuming, where that is why. */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  /** How many tasks may run at once. */
  get concurrency(): number {
    return this.#concurrency;
  }

  /** How many tasks are running. */
  get busy(): number {
    return this.#pool?.busy ?? 0;
  }

  /** How many tasks were left to other workers: given up when this one stopped, or lost with their lease. */
  get unfinished(): number {
    return this.#unfinished;
  }

  /** Whether it ends, or has ended, since its tasks have worn out the process that it shares with them: one with the inline pool. */
  get isWornOut(): boolean {
    return this.#isWornOut;
  }

  /** Runs so many tasks at once from now on; those that run already finish. Throws RangeError for less than 1. */
  resize(concurrency: number): void {
    if (!Number.isSafeInteger(concurrency) || concurrency < 1)
      throw new RangeError(`concurrency must be a whole number of at least 1, not ${String(concurrency)}.`);
    this.#concurrency = concurrency;
    this.#pool?.resize(concurrency);
    if (this.#consumer !== undefined) this.#consumer.prefetch = concurrency;
  }

  /**
   * Consumes from one more queue, which is made if need be; `via` says how it is reached where the app does not know it yet. Rejects with UnknownQueueError
   * where the app makes no queues, with TopologyMismatchError, and with BrokerUnavailableError.
   */
  async addQueue(name: string, via?: QueueAccess): Promise<void> {
    this.#called.signal.throwIfAborted();
    const { queues } = this.#app;
    const broker = await this.#app.broker();
    await broker.inspect(name); // rejects where something else is in its place
    await broker.declare(queues.topologyWith(name, via));
    if (via !== undefined) queues.add(name, via);
    this.#queues.add(name);
    this.#consumer?.add(name);
  }

  /** Takes nothing more from a queue: what it has begun of it, it finishes, and what it has not goes back. */
  cancelQueue(name: string): void {
    this.#queues.delete(name);
    this.#consumer?.cancel(name);
  }

  /**
   * Resolves once messages are being consumed, or the worker was told to stop. A broker or a result backend that may come is waited for. Rejects with
   * TaskImportError, ConfigError, BrokerUnavailableError or ResultBackendUnavailableError; the worker is then stopped.
   */
  async start(): Promise<void> {
    if (this.#state !== "new") throw new Error(`A worker starts once; this one is ${this.#state}.`);
    this.#state = "starting";
    this.#startedAt = this.#app.clock.now();
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
    this.#called.abort(new WorkerStoppedError(this.hostname));
    this.#fault ??= options.fault;
    this.#limitGrace(options.graceMs ?? this.#app.config.workerShutdownGraceMs);
    this.#stopping ??= this.#drain();
    return this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #begin(): Promise<void> {
    try {
      refuseInPoolChild();
      checkRequiredEnv(this.#app, "worker");
      await importTaskModules([...this.#app.config.include, ...(this.#options.include ?? [])]);
      this.#weighHazards();
      await this.#consume(await this.#reach());
      this.#state = "running";
    } catch (error) {
      await this.#pool?.[Symbol.asyncDispose]();
      await this.#parts?.[Symbol.asyncDispose]();
      this.#end();
      if (error !== this.#called.signal.reason) throw error;
    }
  }

  /** The broker with its queues, once that and the result backend are there. */
  async #reach(): Promise<Broker> {
    const app = this.#app;
    const open = async (): Promise<Broker> => {
      const broker = await app.broker();
      await broker.declare(app.queues.topologyOf(this.queues));
      await app.optionalResultBackend();
      return broker;
    };
    return untilThere(open, { clock: app.clock, log: this.#log, signal: this.#called.signal });
  }

  #weighHazards(): void {
    const { tasks } = this.#app;
    const config = { ...this.#app.config, workerPool: this.#options.pool ?? this.#app.config.workerPool };
    for (const { id, detail } of checkHazards(config, tasks.all())) this.#log.warn("hazard", { id, detail });
  }

  async #consume(broker: Broker): Promise<void> {
    const { hostname } = this;
    const queues = this.#queues;
    const pool = (this.#pool = this.#makePool());
    await pool.start();
    const plan = { app: this.#app, broker, hostname, queues, pool, log: this.#log, giveUp: this.#giveUp.signal };
    const parts = (this.#parts = await openParts(plan));
    this.#consumer = broker.consume([...queues], { prefetch: pool.size });
    this.#control = this.#openControl(broker, parts);
    this.#consuming = this.#executeAll(this.#consumer, parts).catch((error: unknown) => {
      this.#failure = toError(error);
      void this.stop();
    });
  }

  #openControl(broker: Broker, parts: OpenParts): Promise<AsyncDisposable | undefined> {
    const worker: ControlledWorker = {
      app: this.#app,
      node: this.hostname,
      startedAt: this.#startedAt,
      poolName: this.#options.pool ?? this.#app.config.workerPool,
      size: () => this.concurrency,
      queues: () => this.queues,
      resize: (concurrency) => this.resize(concurrency),
      addQueue: (name, via) => this.addQueue(name, via),
      cancelQueue: (name) => this.cancelQueue(name),
      stop: () => void (this.#stopping ?? this.stop()),
    };
    return openControl({ worker, broker, parts, log: this.#log, signal: this.#called.signal });
  }

  /** Whoever asks in the last moments is answered. */
  async #endControl(): Promise<void> {
    try {
      await (await this.#control)?.[Symbol.asyncDispose]();
    } catch (error) {
      this.#log.warn("remote control not closed", { error: toError(error).message });
    }
  }

  async #executeAll(consumer: Consumer, parts: WorkerParts): Promise<void> {
    for await (const delivery of consumer) {
      // Those that came with it wait for no promise of theirs.
      for (let next: Delivery | undefined = delivery; next !== undefined; next = consumer.poll()) {
        this.#underWay += 1;
        execute(next, parts, this.#executed);
      }
    }
  }

  readonly #executed = (isDone: boolean): void => {
    this.#underWay -= 1;
    if (!isDone) this.#unfinished += 1;
    if (this.#underWay === 0) this.#calm?.resolve();
  };

  #makePool(): Pool {
    const { appModule, preload, pool: name = this.#app.config.workerPool } = this.#options;
    const { workerMaxTasksPerChild, workerMaxMemoryPerChild } = this.#app.config;
    return makePool({
      name,
      size: this.concurrency,
      app: this.#app,
      log: this.#log,
      appModule,
      include: this.#options.include,
      preload,
      maxTasksPerChild: workerMaxTasksPerChild,
      maxMemoryPerChildBytes: workerMaxMemoryPerChild === undefined ? undefined : workerMaxMemoryPerChild * 1024,
      onWornOut: () => {
        this.#isWornOut = true;
        this.#log.info("worn out by its tasks, stopping", { node: this.hostname });
        void this.stop();
      },
    });
  }

  async #drain(): Promise<void> {
    await this.#starting.catch(() => undefined); // start() tells why
    if (this.#state === "stopped") return;
    this.#state = "stopping";
    const settled = this.#settleAll();
    await Promise.race([settled, this.#patienceIsOver()]);
    await this.#consumer?.[Symbol.asyncDispose](); // what is not settled by now is left to its lease
    await settled;
    await atMost(HAND_BACK_MS, this.#endControl(), this.#app.clock);
    await this.#pool?.[Symbol.asyncDispose]();
    await this.#parts?.[Symbol.asyncDispose]();
    this.#end();
  }

  async #settleAll(): Promise<void> {
    await this.#consumer?.stop();
    await this.#consuming;
    this.#calm = deferred();
    if (this.#underWay > 0) await this.#calm.promise;
  }

  /** Resolves when what was given up has had its time to be handed back: a broker that is away must not keep the worker. */
  async #patienceIsOver(): Promise<void> {
    const { signal } = this.#giveUp;
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    await this.#app.clock.sleep(HAND_BACK_MS, { signal: this.#drained.signal }).catch(() => undefined);
  }

  #limitGrace(graceMs: number): void {
    this.#app.clock.sleep(graceMs, { signal: this.#drained.signal }).then(
      () => this.#giveUpRunning(),
      () => undefined, // all finished in time
    );
  }

  #giveUpRunning(): void {
    this.#giveUp.abort(new WorkerStoppedError(this.hostname, this.#fault));
    for (const task of this.#parts?.running ?? []) task.end("given-up");
  }

  #end(): void {
    this.#drained.abort();
    this.#state = "stopped";
    if (this.#failure === undefined) this.#finished.resolve();
    else this.#finished.reject(this.#failure);
  }
}
