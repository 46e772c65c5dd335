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
import { Autoscaler, type AutoscaleOptions } from "./autoscaler.ts";
import { execute } from "./execution.ts";
import { importTaskModules } from "./import-tasks.ts";
import { refuseInPoolChild } from "./in-pool-child.ts";
import { makePool } from "./make-pool.ts";
import type { StopOptions, WorkerOptions } from "./options.ts";
import { untilThere } from "./until-there.ts";
import type { QueueAccess } from "../app/queue-table.ts";
import type { ControlledWorker } from "./control/controlled-worker.ts";
import { WorkerControl } from "./control/worker-control.ts";
import { OverdueChords } from "./overdue-chords.ts";
import { openParts, type OpenParts, type WorkerParts } from "./parts.ts";
import { WorkerStoppedError } from "./persist.ts";
import { PlacesApart } from "./places-apart.ts";
import type { WorkerFacts } from "./liveness/pulse.ts";
import { WorkerLiveness } from "./liveness/worker-liveness.ts";
import type { WorkerState } from "./worker-state.ts";

/** How long handing back may take once the grace is over, in milliseconds; after that, leases run out. */
const HAND_BACK_MS = 2_000;

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
  readonly #liveness: WorkerLiveness;
  readonly #finished: Deferred<void> = deferred();
  readonly #autoscaler: Autoscaler | undefined;
  #concurrency: number;
  /** Deliveries that wait for the turn that their rate limit gives them: they keep no others from being taken. */
  #held = 0;
  /** Tasks that run though their messages are gone: they have a place, and none of the broker's. */
  #apart = 0;
  #unfinished = 0;
  #isWornOut = false;
  #state: WorkerState = "new";
  #consumer: Consumer | undefined;
  #broker: Broker | undefined;
  #pool: Pool | undefined;
  #parts: OpenParts | undefined;
  /** Undefined where no results are kept. */
  #overdueChords: OverdueChords | undefined;
  /** Executions under way; `#calm` resolves when there are none any more. */
  #underWay = 0;
  #calm: Deferred<void> | undefined;
  #starting: Promise<void> = Promise.resolve();
  #consuming: Promise<void> = Promise.resolve();
  #control: WorkerControl | undefined;
  #startedAt = 0;
  #stopping: Promise<void> | undefined;
  #failure: Error | undefined;
  #fault: DeadLetterReason | undefined;

  /** Throws ConfigError when the app's configuration does not hold, and RangeError when `autoscale` does not. */
  constructor(app: Celeriac, options: WorkerOptions = {}) {
    const { config, queues } = app;
    this.#app = app;
    this.#options = options;
    this.#log = options.log ?? app.log;
    this.hostname = options.hostname ?? `celeriac@${hostname()}`;
    this.#autoscaler = options.autoscale && this.#makeAutoscaler(options.autoscale);
    this.#concurrency = this.#autoscaler?.range.min ?? options.concurrency ?? config.workerConcurrency;
    this.#queues = new Set(options.queues ?? queues.declared);
    this.#liveness = this.#makeLiveness();
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

  /** Between which numbers `concurrency` changes by itself; undefined where it does not. */
  get autoscale(): Required<AutoscaleOptions> | undefined {
    return this.#autoscaler?.range;
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

  /** Where its health is served, once it was started with `health`: `http://127.0.0.1:8080`. */
  get healthUrl(): string | undefined {
    return this.#liveness.healthUrl;
  }

  /** Runs so many tasks at once from now on; those that run already finish. Throws RangeError for less than 1. */
  resize(concurrency: number): void {
    if (!Number.isSafeInteger(concurrency) || concurrency < 1)
      throw new RangeError(`concurrency must be a whole number of at least 1, not ${String(concurrency)}.`);
    this.#concurrency = concurrency;
    this.#pool?.resize(concurrency);
    this.#setPrefetch();
  }

  #setPrefetch(): void {
    if (this.#consumer !== undefined)
      this.#consumer.prefetch = Math.max(0, this.#concurrency + this.#held - this.#apart);
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
    await this.#parts?.pausedQueues.look(); // takes from it unless it is paused
  }

  /** Takes nothing more from a queue: what it has begun of it, it finishes, and what it has not goes back. */
  cancelQueue(name: string): void {
    this.#queues.delete(name);
    this.#parts?.pausedQueues.apply();
  }

  /**
   * Resolves once messages are being consumed, or the worker was told to stop. A broker or a result backend that may come is waited for. Rejects with
   * TaskImportError, ConfigError, HealthEndpointError, BrokerUnavailableError or ResultBackendUnavailableError; the worker is then stopped.
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
      await this.#liveness.start();
      checkRequiredEnv(this.#app, "worker");
      await importTaskModules([...this.#app.config.include, ...(this.#options.include ?? [])]);
      this.#weighHazards();
      await this.#consume(await this.#reach());
      this.#state = "running";
      this.#liveness.beat();
    } catch (error) {
      await this.#control?.[Symbol.asyncDispose]();
      await this.#overdueChords?.[Symbol.asyncDispose]();
      await this.#pool?.[Symbol.asyncDispose]();
      await this.#parts?.[Symbol.asyncDispose]();
      await this.#liveness[Symbol.asyncDispose]();
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
    this.#broker = broker;
    const liveness = this.#liveness;
    const pool = (this.#pool = this.#makePool());
    await pool.start();
    const onHeld = (count: number): void => {
      this.#held = count;
      this.#setPrefetch();
    };
    const placesApart = new PlacesApart((count) => {
      this.#apart = count;
      this.#setPrefetch();
    });
    const { signal: giveUp } = this.#giveUp;
    const shared = { app: this.#app, broker, hostname, queues, pool, liveness, log: this.#log };
    const plan = { ...shared, giveUp, onHeld, placesApart };
    const parts = (this.#parts = await openParts(plan));
    const { signal } = this.#called;
    this.#control = this.#openControl(broker, parts);
    if (this.#options.mingle !== false) await this.#control?.greet(signal);
    await untilThere(() => parts.pausedQueues.look(), { clock: parts.clock, log: this.#log, signal });
    if (this.#options.livenessThread !== false) this.#control?.standBy();
    this.#consumer = broker.consume(parts.pausedQueues.open, { prefetch: pool.size });
    parts.pausedQueues.steer(this.#consumer);
    this.#autoscaler?.begin();
    const { backend } = parts;
    this.#overdueChords = backend && new OverdueChords({ parts, backend, random: this.#app.random });
    this.#overdueChords?.begin();
    this.#consuming = this.#executeAll(this.#consumer, parts).catch((error: unknown) => {
      this.#failure = toError(error);
      void this.stop();
    });
  }

  #openControl({ broadcaster }: Broker, parts: OpenParts): WorkerControl | undefined {
    if (broadcaster === undefined) return undefined;
    const worker: ControlledWorker = {
      app: this.#app,
      node: this.hostname,
      startedAt: this.#startedAt,
      poolName: this.#options.pool ?? this.#app.config.workerPool,
      liveness: this.#liveness,
      size: () => this.concurrency,
      autoscaler: this.#autoscaler,
      queues: () => this.queues,
      resize: (concurrency) => this.resize(concurrency),
      restartPool: this.#pool?.restart?.bind(this.#pool),
      addQueue: (name, via) => this.addQueue(name, via),
      cancelQueue: (name) => this.cancelQueue(name),
      stop: () => void (this.#stopping ?? this.stop()),
    };
    return new WorkerControl({ worker, broadcaster, parts, gossip: this.#options.gossip ?? true, log: this.#log });
  }

  #makeLiveness(): WorkerLiveness {
    const { pool = this.#app.config.workerPool, health } = this.#options;
    const facts = (): WorkerFacts => ({
      phase: this.#state,
      broker: this.#broker?.state,
      queues: this.#queues.size,
      polling: this.#consumer?.polling,
      capacity: this.#concurrency,
      processed: this.#parts?.totals.total ?? 0,
      lamport: this.#parts?.lamport,
    });
    const { clock } = this.#app;
    return new WorkerLiveness({
      facts,
      node: this.hostname,
      isInline: pool === "inline",
      health,
      clock,
      log: this.#log,
    });
  }

  async #executeAll(consumer: Consumer, parts: WorkerParts): Promise<void> {
    for await (const delivery of consumer) {
      // Those that came with it wait for no promise of theirs.
      for (let next: Delivery | undefined = delivery; next !== undefined; next = consumer.poll()) {
        this.#underWay += 1;
        this.#autoscaler?.note(this.#inHand);
        execute(next, parts, this.#executed);
      }
    }
  }

  /** Deliveries that run, or would if there were a place for them. */
  get #inHand(): number {
    return this.#underWay - this.#held;
  }

  readonly #executed = (isDone: boolean): void => {
    this.#underWay -= 1;
    if (!isDone) this.#unfinished += 1;
    if (this.#underWay === 0) this.#calm?.resolve();
  };

  #makeAutoscaler(range: AutoscaleOptions): Autoscaler {
    return new Autoscaler({
      range,
      size: () => this.concurrency,
      inHand: () => this.#inHand,
      resize: (concurrency) => this.resize(concurrency),
      clock: this.#app.clock,
      log: this.#log,
    });
  }

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
    this.#parts?.pausedQueues[Symbol.dispose]();
    this.#autoscaler?.[Symbol.dispose]();
    const settled = this.#settleAll();
    await Promise.race([settled, this.#patienceIsOver()]);
    await this.#consumer?.[Symbol.asyncDispose](); // what is not settled by now is left to its lease
    await settled;
    const told = Promise.all([this.#control?.[Symbol.asyncDispose](), this.#liveness[Symbol.asyncDispose]()]);
    await atMost(HAND_BACK_MS, told, this.#app.clock);
    await this.#overdueChords?.[Symbol.asyncDispose]();
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
    this.#autoscaler?.[Symbol.dispose]();
    this.#drained.abort();
    this.#state = "stopped";
    if (this.#failure === undefined) this.#finished.resolve();
    else this.#finished.reject(this.#failure);
  }
}
