import { nodeOf, type ResultNode } from "../backend/groups.ts";
import type { ResultBackend } from "../backend/result-backend.ts";
import type { Broker } from "../broker/broker.ts";
import { UnroutableError } from "../broker/errors.ts";
import type { KeyStore } from "../broker/key-store.ts";
import { Canvas } from "../canvas/canvas.ts";
import { CanvasError } from "../canvas/errors.ts";
import type { Sender } from "../canvas/sender.ts";
import { Signature } from "../canvas/signature.ts";
import type { AnyCanvas, SentOf } from "../canvas/takes.ts";
import type { RemoteControl } from "../control/remote-control.ts";
import { AsyncResult } from "../result/async-result.ts";
import type { ResultSource } from "../result/canvas-result.ts";
import type { GroupResult } from "../result/group-result.ts";
import { resultOf } from "../result/result-of.ts";
import type { ResultWatcher } from "../result/result-watcher.ts";
import { Cluster } from "../events/cluster/cluster.ts";
import type { ClusterOptions } from "../events/cluster/cluster-state.ts";
import type { LamportClock } from "../events/lamport-clock.ts";
import { EventReceiver, type EventReceiverOptions } from "../events/event-receiver.ts";
import { andThen } from "../util/and-then.ts";
import { systemClock, type Clock } from "../util/clock.ts";
import { silentLogger, type Logger } from "../util/logger.ts";
import type { ResolvedConfig } from "./config.ts";
import { ConfigError } from "./config-error.ts";
import { announce, withdraw, type Dispatch } from "./dispatch.ts";
import type { DefineStub, DefineTask, TaskBody, TaskDefinition } from "./define-task.ts";
import { checkRequiredEnv, readEnvironment, type Environment } from "./environment.ts";
import { InvalidArgumentsError, TaskDefinitionError } from "./errors.ts";
import { makeTask, type AnyTask } from "./make-task.ts";
import { Place, type CommandLine, type Parts } from "./place.ts";
import type { Producer } from "./producer.ts";
import type { RoutedRequest } from "./routed-request.ts";
import type { PauseOptions, QueuePause, QueuePauses } from "./queue-pauses.ts";
import type { QueueTable } from "./queue-table.ts";
import { TaskRegistry } from "./registry.ts";
import type { ConfigInCode, Resolution } from "./resolve-config.ts";
import { CONTEXT_NAMES, type Resource } from "./resource.ts";
import { RetryRules } from "./retry-rules.ts";
import type { RevokeOptions } from "./revocation-claims.ts";
import { revokeTasks } from "./revoke.ts";
import { revokeStamps, type StampedHeaders } from "./revoked-stamps.ts";
import type { PublishOptions, SendOptions } from "./send-options.ts";
import { currentRun } from "./task-context.ts";
import { checkTaskOptions, type ArgumentSpec, type TaskOptions } from "./task-options.ts";

/** Where an app gets time, its environment and its log from; tests give their own. */
export interface AppSurroundings {
  /** @default the system's */
  readonly clock?: Clock;
  /** Environment variables; `CELERY_…` and `CELERIAC_…` are read. @default the process's */
  readonly env?: Environment;
  /** @default silent */
  readonly log?: Logger;
  /** Numbers from 0 to below 1, for the jitter of retries. @default Math.random */
  readonly random?: () => number;
}

/**
 * An application: its configuration, its tasks, and its connections, which are opened at first use. `Resources` are what
 * `resource()` added to the context of bound tasks.
 */
export class Celeriac<Resources extends object = object> implements ResultSource, AsyncDisposable {
  readonly name: string;
  readonly tasks: TaskRegistry = new TaskRegistry((canvas) => this.send(canvas));
  readonly resources: ReadonlyMap<string, Resource<unknown>>;
  readonly random: () => number;
  log: Logger;

  readonly #code: ConfigInCode;
  readonly #resources = new Map<string, Resource<unknown>>();
  /** Private, so that printing an app prints no secrets. */
  readonly #home: Place;
  #place: Place;
  /** What its canvases know of it. */
  readonly #sender: Sender = {
    linksErrorsToHeaders: () => this.config.taskAllowErrorCbOnChordHeader,
    send: (canvas, options) => this.send(canvas, options),
    runHere: (canvas) => this.#runHere(canvas),
  };

  constructor(
    { name = "celeriac", ...config }: ConfigInCode & { readonly name?: string } = {},
    surroundings: AppSurroundings = {},
  ) {
    this.name = name;
    this.#code = config;
    const { env = readEnvironment(), clock = systemClock } = surroundings;
    this.#home = new Place({ env, clock });
    this.#place = this.#home;
    this.random = surroundings.random ?? Math.random;
    this.log = surroundings.log ?? silentLogger;
    this.resources = this.#resources;
  }

  // ── Defining ──

  /** Defines a task: `task(name, options?, handler)`. Throws TaskDefinitionError. */
  readonly task: DefineTask<Resources> = (
    name: string,
    optionsOrHandler: (TaskOptions & ArgumentSpec & { readonly bind?: boolean }) | TaskBody["handler"],
    maybeHandler?: TaskBody["handler"],
  ) => {
    const isBare = typeof optionsOrHandler === "function";
    const handler = isBare ? optionsOrHandler : maybeHandler;
    if (typeof handler !== "function") {
      throw new TaskDefinitionError(
        `Task "${name}" has no handler. For a task whose body lives elsewhere, use app.stub().`,
      );
    }
    const { bind = false, ...options } = isBare ? {} : optionsOrHandler;
    checkTaskOptions(name, options);
    return this.#define({ name, options, body: { handler, bind } });
  };

  /** A task whose body lives in another process or language: `stub<Handler>(name, options?)`. */
  readonly stub: DefineStub = (name: string, options: TaskOptions & ArgumentSpec = {}) =>
    this.#define({ name, options, body: undefined });

  /** Gives every bound task a `name` of its own run in its context: see `Resource`. */
  resource<const Name extends string, T>(
    name: Name,
    resource: Resource<T>,
  ): Celeriac<Resources & { readonly [K in Name]: T }> {
    if (CONTEXT_NAMES.has(name)) {
      throw new TaskDefinitionError(`A resource cannot be called "${name}": the context of every task has that name.`);
    }
    this.#resources.set(name, resource);
    return this as unknown as Celeriac<Resources & { readonly [K in Name]: T }>;
  }

  // ── Sending ──

  /** A call by name, with or without a definition here, that is not sent yet. It takes whatever comes before its arguments. */
  signature<Result = unknown>(
    name: string,
    call: {
      readonly args?: readonly unknown[];
      readonly kwargs?: Readonly<Record<string, unknown>>;
      /** Whether it ignores the result of the task before it. @default false */
      readonly immutable?: boolean;
    } & SendOptions = {},
  ): Signature<Result> {
    const { args = [], kwargs = {}, immutable = false, ...options } = call;
    return new Signature<Result>({ task: name, args, kwargs, options, immutable }, this.#sender);
  }

  /**
   * Sends a canvas. Resolves once the broker has what begins it; rejects as `Task.delay` does, with CanvasError for one without tasks, and with
   * ResultBackendUnavailableError for a chord without a result backend.
   */
  send<C extends AnyCanvas>(canvas: C, options: PublishOptions = {}): Promise<SentOf<C>> {
    const how = canvas instanceof Canvas ? { ...canvas.publishing, ...options } : options;
    if (canvas instanceof Signature && !canvas.isLeading)
      return this.#send([canvas], how, ([result]) => result as SentOf<C>);
    return this.#sendComposite(canvas, how) as Promise<SentOf<C>>;
  }

  /** Sends a call by name, with or without a definition here. Resolves and rejects as `Task.delay` does. */
  async sendTask<Result = unknown>(
    name: string,
    call: {
      readonly args?: readonly unknown[];
      readonly kwargs?: Readonly<Record<string, unknown>>;
    } & SendOptions = {},
  ): Promise<AsyncResult<Result>> {
    if (Array.isArray(call)) throw new InvalidArgumentsError(name, "args", "takes { args: […] }, not a list.");
    const { args = [], kwargs = {}, ...options } = call;
    const [result] = await this.sendBatch([new Signature<Result>({ task: name, args, kwargs, options })], options);
    return result;
  }

  /** Sends many calls in one round trip: all or none. How it is published is said here, not in the calls' own options. */
  async sendBatch<const Calls extends readonly Signature[]>(
    calls: Calls,
    options: PublishOptions = {},
  ): Promise<{ readonly [I in keyof Calls]: Calls[I] extends Signature<infer Result> ? AsyncResult<Result> : never }> {
    const results = await this.#send(calls, options, (sent) => sent);
    return results as unknown as {
      [I in keyof Calls]: Calls[I] extends Signature<infer Result> ? AsyncResult<Result> : never;
    };
  }

  /** The result of a call by its id, whoever sent it. */
  result<Result = unknown>(taskId: string, parentId: string | null = null): AsyncResult<Result> {
    return new AsyncResult<Result>(this.#resultSource(), { id: taskId, parent: null, members: null }, parentId);
  }

  /** The result of a canvas whose ids are known. */
  resultOf(node: ResultNode): AsyncResult | GroupResult {
    return resultOf(node, this.#resultSource());
  }

  /**
   * The result that a tuple of Celery's stands for: what is stored where a task returned a result, here or in Python. Throws UnreadableResultError for
   * what is none.
   */
  resultFromTuple(tuple: unknown): AsyncResult | GroupResult {
    return this.resultOf(nodeOf(tuple));
  }

  /** The result of a group that was saved, here or in Python; undefined where it was not, or has expired. Rejects with UnreadableResultError. */
  async restoreGroup<Results extends readonly unknown[] = readonly unknown[]>(
    groupId: string,
  ): Promise<GroupResult<Results> | undefined> {
    const backend = await this.#resultSource().resultBackend();
    const group = await backend.groups.restore(groupId);
    return group === undefined ? undefined : (this.resultOf(group) as GroupResult<Results>);
  }

  /** Keeps tasks from starting, wherever and whenever that would be, and ends their runs if asked to. Rejects with KeysUnsupportedError. */
  async revoke(taskIds: readonly string[], options: RevokeOptions = {}): Promise<void> {
    const [keys, backend] = [await this.keys(), await this.optionalResultBackend()];
    await revokeTasks(taskIds, options, { keys, backend, now: this.clock.now() });
  }

  /**
   * Keeps all Celeriac workers of the cluster, also those that start later, from taking anything from a queue until it is resumed. What they have begun they finish,
   * and what is sent waits. Resolves with the pause that there is then, which may be an earlier one. Rejects with KeysUnsupportedError.
   */
  pauseQueue(queue: string, options: PauseOptions = {}): Promise<QueuePause> {
    return this.pauses.pause(queue, options);
  }

  /** Ends the pause of a queue. Resolves with it, or with undefined where there was none. Rejects with KeysUnsupportedError. */
  resumeQueue(queue: string): Promise<QueuePause | undefined> {
    return this.pauses.resume(queue);
  }

  /**
   * As `revoke`, for every task, sent already or not, that has one of these stamps: those of Celery's canvas stamping. Rejects with KeysUnsupportedError, and
   * with TypeError where no stamp is named.
   */
  async revokeByStampedHeaders(headers: StampedHeaders, options: RevokeOptions = {}): Promise<void> {
    await revokeStamps(headers, options, await this.keys());
  }

  /**
   * What workers and producers, those in Python too, tell of themselves and of tasks from now on. Resolves once it listens, and has asked all workers for
   * a heartbeat, so that who is there is known at once; close it with `await using`. Rejects with BrokerUnavailableError, and with ConfigError where the broker has no pub/sub.
   */
  async events(options: EventReceiverOptions = {}): Promise<EventReceiver> {
    const { broadcaster } = await this.broker();
    if (broadcaster === undefined) throw new ConfigError("Events need a broker with pub/sub, which this one has not.");
    const receiver = await EventReceiver.listen(broadcaster, { ...options, clock: this.clock });
    try {
      await this.control.tell("heartbeat");
      return receiver;
    } catch (error) {
      await receiver[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * The workers and tasks that events tell of from now on, as they are at any time. Resolves once it listens; close it with `await using`. Rejects as `events` does,
   * and with RangeError.
   */
  cluster(options: ClusterOptions = {}): Promise<Cluster> {
    return Cluster.open(() => this.events(), { ...options, clock: this.clock });
  }

  // ── Configuration ──

  /** The effective configuration, resolved at first use and frozen from then on. Throws ConfigError. */
  get config(): ResolvedConfig {
    return this.#resolved().resolution.config;
  }

  /** The configuration with the source of every value. */
  get resolution(): Resolution {
    return this.#resolved().resolution;
  }

  /** Sets what the command line says; it beats the environment and the code. Only before first use. */
  configureFromCommandLine(config: CommandLine): void {
    if (this.#place.isInUse)
      throw new TaskDefinitionError(`The app "${this.name}" is in use already and cannot be configured.`);
    this.#place.configure(config);
  }

  /**
   * Takes the app elsewhere until what is returned is disposed: to another clock and environment, configuration that beats all other, and
   * connections of their own, which disposing closes. Tasks and resources come along. For tests of an app that is a module's constant.
   * Throws TaskDefinitionError when it is elsewhere already.
   */
  relocate(config: CommandLine, { clock, env }: Required<Pick<AppSurroundings, "clock" | "env">>): AsyncDisposable {
    if (this.#place !== this.#home)
      throw new TaskDefinitionError(`The app "${this.name}" is elsewhere already; bring it back first.`);
    const elsewhere = new Place({ clock, env }, config);
    this.#place = elsewhere;
    return {
      [Symbol.asyncDispose]: async () => {
        await elsewhere[Symbol.asyncDispose]();
        if (this.#place === elsewhere) this.#place = this.#home;
      },
    };
  }

  /** How the retries of a task take effect, to be previewed; without a name, those of a task that says nothing of them. Throws TaskDefinitionError. */
  retryRules(task?: string): RetryRules {
    const definition = task === undefined ? undefined : this.tasks.get(task);
    if (task !== undefined && definition === undefined)
      throw new TaskDefinitionError(`The app "${this.name}" has no task "${task}".`);
    return new RetryRules(definition?.options ?? {}, this.config, this.random);
  }

  get clock(): Clock {
    return this.#place.clock;
  }

  get env(): Environment {
    return this.#place.env;
  }

  // ── Parts ──

  get queues(): QueueTable {
    return this.#resolved().queues;
  }

  get producer(): Producer {
    return this.#resolved().producer;
  }

  /** The connected broker. Rejects with BrokerUnavailableError. */
  broker(): Promise<Broker> {
    return this.#resolved().connections.broker();
  }

  resultBackend(): Promise<ResultBackend> {
    return this.#resolved().connections.resultBackend();
  }

  /** The result backend, or undefined when the app has none. Rejects with ResultBackendUnavailableError. */
  optionalResultBackend(): Promise<ResultBackend | undefined> {
    return this.#resolved().connections.optionalBackend();
  }

  /** Asks workers, of Python too, and tells them what to do. */
  get control(): RemoteControl {
    return this.#resolved().control;
  }

  /** Which queues are paused for the whole cluster. */
  get pauses(): QueuePauses {
    return this.#resolved().pauses;
  }

  /** Counts what this process does and hears of, as far as others are told. */
  get lamport(): LamportClock {
    return this.#resolved().lamport;
  }

  resultWatcher(): Promise<ResultWatcher> {
    return this.#resolved().connections.resultWatcher();
  }

  keys(): Promise<KeyStore | undefined> {
    return this.#resolved().connections.keys();
  }

  /** Closes every connection. Calling it again is fine. */
  async close(): Promise<void> {
    await this.#place[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #resolved(): Parts {
    return this.#place.partsOf(this, this.#code);
  }

  #define(definition: TaskDefinition): AnyTask {
    this.tasks.add(definition);
    return makeTask(definition, this.#sender);
  }

  #resultSource(): ResultSource {
    return this.config.taskAlwaysEager ? this.#resolved().eager : this;
  }

  async #sendComposite(canvas: AnyCanvas, options: PublishOptions): Promise<unknown> {
    const { producer, eager } = this.#resolved();
    checkRequiredEnv(this, "producer");
    const { taskAlwaysEager: isEager } = this.config;
    const dispatch = await (isEager ? eager : producer).dispatchOf([canvas.toDict()]);
    const [result] = dispatch.results;
    if (result === undefined) throw new CanvasError("A chain without steps has nothing to send.");
    if (isEager) await eager.runAll(dispatch);
    else {
      await this.#publishWhole(dispatch, options);
    }
    currentRun()?.children.push(result);
    return this.resultOf(result);
  }

  /** Chords are made known once all messages are sure to be fit to be sent, and are forgotten again where none was. */
  async #publishWhole(dispatch: Dispatch, options: PublishOptions): Promise<void> {
    const backend = await this.optionalResultBackend();
    try {
      await this.producer.publishAll(dispatch.requests, options, () => announce(dispatch, backend));
    } catch (error) {
      if (error instanceof UnroutableError) await withdraw(dispatch.chords, backend);
      throw error;
    }
  }

  async #runHere(canvas: AnyCanvas): Promise<unknown> {
    const { eager } = this.#resolved();
    const dispatch = await eager.dispatchOf([canvas.toDict()]);
    await eager.runAll(dispatch);
    return dispatch.results.map((result) => eager.resultOf(result))[0];
  }

  /** Gives what `answer` makes of the results. No async function, as few on a send's way are: each promise costs it more than most of what is done. */
  #send<T>(
    calls: readonly Signature[],
    options: SendOptions,
    answer: (results: readonly AsyncResult[]) => T,
  ): Promise<T> {
    const { producer, timedKeys, eager } = this.#resolved();
    checkRequiredEnv(this, "producer");
    return andThen(producer.prepare(calls), (requests) => {
      const sent = this.config.taskAlwaysEager
        ? eager.runAll({ requests, chords: [], canvases: [] }).then(() => requests.map(({ request }) => request.id))
        : timedKeys.publish(requests, (free) => producer.publish(free, options));
      return sent.then((ids) => answer(this.#resultsOf(requests, ids)));
    });
  }

  #resultsOf(requests: readonly RoutedRequest[], ids: readonly string[]): readonly AsyncResult[] {
    return requests.map(({ request: { id, parentId } }, index) => {
      if (ids[index] === id) currentRun()?.children.push({ id, parent: null, members: null });
      return this.result(ids[index] ?? id, parentId);
    });
  }
}
