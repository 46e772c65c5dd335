import type { Publication, UniqueKey } from "../broker/broker.ts";
import { BrokerUnavailableError, UnroutableError } from "../broker/errors.ts";
import type { StartedChord } from "../canvas/launch.ts";
import { mappedTask } from "../canvas/maps.ts";
import { Signature } from "../canvas/signature.ts";
import type { SignatureDict, TaskRequest } from "../message/task-request.ts";
import { routeOf, TaskRouter, type TaskRoute } from "../routing/task-router.ts";
import type { Route } from "../routing/topology.ts";
import type { Abortable } from "../util/abortable.ts";
import { andThen } from "../util/and-then.ts";
import type { Clock } from "../util/clock.ts";
import type { Logger } from "../util/logger.ts";
import { timeOrderedUuid } from "../util/time-ordered-uuid.ts";
import { within } from "../util/within.ts";
import { uniqueKeyOf } from "./call-keys.ts";
import type { ResolvedConfig } from "./config.ts";
import { CanvasLibrary } from "./canvas-library.ts";
import type { Connections } from "./connections.ts";
import type { Dispatch, WaitingChord } from "./dispatch.ts";
import { bindArguments } from "./bind-arguments.ts";
import { buildRequest, messageOf, type Family } from "./build-request.ts";
import { PublishTimeoutError } from "./errors.ts";
import { Launcher } from "./launcher.ts";
import { routeTo, type QueueTable } from "./queue-table.ts";
import type { RoutedRequest } from "./routed-request.ts";
import type { TaskRegistry } from "./registry.ts";
import type { SendOptions } from "./send-options.ts";
import { SentEvents } from "./sent-events.ts";
import { currentTask } from "./task-context.ts";
import type { TaskOptions } from "./task-options.ts";

export interface ProducerOptions {
  readonly config: ResolvedConfig;
  readonly clock: Clock;
  readonly log: Logger;
  readonly connections: Connections;
  readonly queues: QueueTable;
  readonly tasks: TaskRegistry;
  /** Whether what follows messages may be stored elsewhere. */
  readonly storesCanvases: boolean;
}

/** Calls become requests, messages, and publications that the broker has confirmed. */
export class Producer {
  readonly #options: ProducerOptions;
  readonly #router: TaskRouter;
  /** What messages name, and do not carry. */
  readonly canvases: CanvasLibrary;
  readonly #launcher: Launcher;
  readonly #declared = new Set<string>();
  /** Undefined unless monitors are told of what is sent. */
  readonly #sentEvents: SentEvents | undefined;

  constructor(options: ProducerOptions) {
    this.#options = options;
    if (options.config.taskSendSentEvent) this.#sentEvents = new SentEvents(options);
    this.#router = new TaskRouter(options.config.taskRoutes);
    const { config, connections, storesCanvases } = options;
    this.canvases = new CanvasLibrary({ config, backend: () => connections.optionalBackend() });
    const library = storesCanvases ? this.canvases : undefined;
    this.#launcher = new Launcher({ config, library, ownQueueOf: (call) => this.#ownQueueOf(call) });
  }

  /**
   * Checks calls and makes their requests, at once where no schema takes its time; publishes nothing. Calls made within a task join its family
   * unless another is given. Rejects with InvalidArgumentsError or InvalidSendOptionsError.
   */
  prepare(
    calls: readonly Signature[],
    family: Family = { parent: currentTask() },
  ): readonly RoutedRequest[] | Promise<readonly RoutedRequest[]> {
    const prepared = calls.map((call) => this.#prepareOne(call, family));
    if (prepared.some((one) => one instanceof Promise)) return Promise.all(prepared.map(async (one) => one));
    return prepared as readonly RoutedRequest[];
  }

  /**
   * What signatures send when they start, as `prepare` makes it. Rejects as `prepare` does, with UnreadableMessageError for what is no signature, with
   * CanvasTooLargeError, and with CanvasLostError and ResultBackendUnavailableError for what stands for a stored one.
   * `newId` gives the ids that are lacking.
   */
  async dispatchOf(
    dicts: readonly SignatureDict[],
    parent: Family["parent"] = currentTask(),
    newId: () => string = () => timeOrderedUuid(this.#options.clock.now()),
  ): Promise<Dispatch> {
    const { connections } = this.#options;
    const replyTo = (await connections.sendsResults()) ? (parent?.replyTo ?? connections.oid) : undefined;
    const { leads, chords, stored, results } = await this.#launcher.launch(dicts, newId, replyTo);
    const requests = await Promise.all(
      leads.map(async ({ call, chain }) => this.#prepareOne(Signature.fromDict(call), { parent, chain })),
    );
    const lastStart = requests.reduce((last, { request: { eta } }) => Math.max(last, eta?.getTime() ?? 0), 0);
    const delayMs = Math.max(0, lastStart - this.#options.clock.now());
    const deadline = { delayMs, rootId: parent?.rootId ?? null };
    return {
      requests,
      chords: chords.map((chord) => this.#waiting(chord, deadline)),
      canvases: stored.map(({ id, parts }) => this.canvases.recordOf(id, parts, delayMs)),
      results,
    };
  }

  /**
   * Publishes requests in one round trip. Resolves once the broker has them all, with the ids of their calls: one that another with the same
   * unique key has forestalled is not sent, and its id is that one's. Rejects within the deadline whatever the broker does.
   */
  publish(requests: readonly RoutedRequest[], options: SendOptions = {}): Promise<readonly string[]> {
    return this.#publishInTime(requests, options, (publications, until) =>
      this.#publishOnce(requests, publications, until),
    );
  }

  /**
   * As `publish`, for what others wait for: it is sent whoever holds its unique key, as a retry is. `before` is called once all is sure to be fit to be
   * sent.
   */
  publishAll(requests: readonly RoutedRequest[], options: SendOptions, before: () => Promise<void>): Promise<void> {
    let isAnnounced = false;
    return this.#publishInTime(requests, options, async (publications, until) => {
      if (!isAnnounced) await before();
      isAnnounced = true;
      await this.#publishSurely(requests, publications, until);
    });
  }

  /**
   * As `publishAll`, with no deadline but `signal`, and one try: for those who have all the time that their lease lasts.
   * Rejects with BrokerUnavailableError when it may be tried again.
   */
  publishOnce(requests: readonly RoutedRequest[], signal: AbortSignal): Promise<void> {
    return this.#publishSurely(requests, this.#publicationsOf(requests), { signal });
  }

  /** A member that is to start later may come as much later. */
  #waiting(
    { id: chordId, size, body, header }: StartedChord,
    { delayMs, rootId }: { readonly delayMs: number; readonly rootId: string | null },
  ): WaitingChord {
    const { resultChordDeadline: seconds } = this.#options.config;
    const deadline = seconds === undefined ? null : { ms: seconds * 1000 + delayMs, body, rootId };
    return { plan: { chordId, size, deadline }, header };
  }

  #publicationsOf(requests: readonly RoutedRequest[]): readonly Publication[] {
    return requests.map(({ request, route }) => this.#publication(request, route));
  }

  #publication(request: TaskRequest, route: Route): Publication {
    const { config, clock } = this.#options;
    const now = clock.now();
    const delayMs = request.eta === null ? 0 : Math.max(0, request.eta.getTime() - now);
    return { message: messageOf(request, config, now), route, delayMs, unique: this.#uniqueKeyOf(request) };
  }

  /** A key that is held until the start is not taken again for a retry. One that is held for a time is no affair of the message: see `TimedKeys`. */
  #uniqueKeyOf(request: TaskRequest): UniqueKey | undefined {
    const unique = this.#options.tasks.get(request.task)?.options.unique;
    if (unique === undefined) return undefined;
    const { until = "end", onDuplicate = "keep-first" } = unique;
    if (typeof until === "object" || (until === "start" && request.retries > 0)) return undefined;
    return { key: uniqueKeyOf(request, unique), until, onDuplicate };
  }

  /** Never throws: it rejects, so that what others of the same batch reject with is heard too. */
  #prepareOne(call: Signature, family: Family): RoutedRequest | Promise<RoutedRequest> {
    const definition = this.#options.tasks.get(call.task);
    try {
      const isOpen = definition === undefined || definition.takesAnything === true;
      const checked = isOpen ? undefined : bindArguments(call.task, definition.options, call);
      return andThen(checked, () => this.#routedRequest(call, definition?.options ?? {}, family));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #routedRequest(call: Signature, taskOptions: TaskOptions, family: Family): RoutedRequest {
    const { config, clock } = this.#options;
    const found = this.#routeOf(call, taskOptions);
    const { priority } = found;
    const request = buildRequest(priority === undefined ? call : call.set({ priority }), {
      config,
      taskOptions,
      now: clock.now(),
      replyTo: this.#options.connections.oid,
      family,
    });
    return { request, route: this.#wayOf(found) };
  }

  /** A map goes where the task goes that it maps: elsewhere nobody may have it. */
  #routeOf(call: Signature, taskOptions: TaskOptions): TaskRoute {
    const mapped = mappedTask(call);
    const options = mapped === undefined ? taskOptions : (this.#options.tasks.get(mapped)?.options ?? {});
    return this.#router.route(mapped ?? call.task, call.args, call.kwargs, routeSaid(options, call.options));
  }

  /** Undefined for a task whose body is elsewhere, and where no queue is named. */
  #ownQueueOf(dict: SignatureDict): string | undefined {
    const { tasks, queues } = this.#options;
    const call = Signature.fromDict(dict);
    const name = mappedTask(call) ?? call.task;
    if (!tasks.isRunnable(name)) return undefined;
    const { queue, exchange } = this.#routeOf(call, tasks.get(name)?.options ?? {});
    return exchange === undefined ? (queue ?? queues.defaultQueue) : undefined;
  }

  #wayOf({ queue, exchange, routingKey }: TaskRoute): Route {
    const { queues, config } = this.#options;
    if (queue !== undefined) return routeTo(queues.get(queue), routingKey);
    if (exchange !== undefined) return { exchange, routingKey: routingKey ?? config.taskDefaultRoutingKey };
    return routeTo(queues.get(queues.defaultQueue), routingKey);
  }

  #publishInTime<T>(requests: readonly RoutedRequest[], options: SendOptions, publish: Publish<T>): Promise<T> {
    const { config, clock } = this.#options;
    const timeoutMs = options.publishTimeoutMs ?? config.taskPublishTimeoutMs;
    const error = (): Error => new PublishTimeoutError(nameOf(requests), timeoutMs);
    return within({ clock, ms: timeoutMs, error, signal: options.signal }, (until) =>
      this.#publishWithRetries(this.#publicationsOf(requests), options, until, publish),
    );
  }

  async #publishWithRetries<T>(
    publications: readonly Publication[],
    options: SendOptions,
    until: Abortable,
    publish: Publish<T>,
  ): Promise<T> {
    const { config, clock } = this.#options;
    for (let tries = 0; ; tries += 1) {
      try {
        return await publish(publications, until);
      } catch (error) {
        const policy = { ...config.taskPublishRetryPolicy, ...options.publishRetryPolicy };
        const mayRetry = (options.publishRetry ?? config.taskPublishRetry) && tries < policy.maxRetries;
        if (!(error instanceof BrokerUnavailableError) || !mayRetry) throw error;
        await clock.sleep(Math.min(policy.intervalStartMs + tries * policy.intervalStepMs, policy.intervalMaxMs), {
          signal: until.signal,
        });
      }
    }
  }

  /** What a task is followed by, and what a canvas consists of, has to come whoever holds its key: others wait for it. */
  async #publishSurely(
    requests: readonly RoutedRequest[],
    publications: readonly Publication[],
    until: Abortable,
  ): Promise<void> {
    const ids = await this.#publishOnce(requests, publications, until);
    const isForestalled = (_: unknown, index: number): boolean => ids[index] !== requests[index]?.request.id;
    const forestalled = publications.filter(isForestalled);
    if (forestalled.length === 0) return;
    const keyless = forestalled.map(({ unique: _key, ...publication }) => publication);
    await this.#publishOnce(requests.filter(isForestalled), keyless, until);
  }

  /** Gives the ids of the calls, as `publish` does. */
  async #publishOnce(
    requests: readonly RoutedRequest[],
    publications: readonly Publication[],
    until: Abortable,
  ): Promise<readonly string[]> {
    const { connections, queues } = this.#options;
    const broker = await connections.broker();
    if (requests.some(({ request }) => request.replyTo === connections.oid && !request.ignoreResult))
      await connections.resultsHeard();
    if (this.#declared.size < queues.size) {
      const missing = queues.names().filter((name) => !this.#declared.has(name));
      await broker.declare(queues.topologyOf(missing), until);
      for (const name of missing) this.#declared.add(name);
    }
    let holders: readonly (string | undefined)[];
    try {
      holders = await broker.publish(publications, until);
    } catch (error) {
      if (!(error instanceof UnroutableError)) throw error;
      // A queue that was removed or has expired since it was declared is made again.
      await broker.declare(queues.topologyOf(queues.names()), until);
      holders = await broker.publish(publications, until);
    }
    this.#sentEvents?.tell(
      requests.filter((_, index) => holders[index] === undefined),
      broker,
    );
    return requests.map(({ request }, index) => holders[index] ?? request.id);
  }
}

type Publish<T> = (publications: readonly Publication[], until: Abortable) => Promise<T>;

/** What is said of a call's way, apart from `taskRoutes`: the call's own destination displaces the task's as a whole. */
function routeSaid(task: TaskOptions, call: SendOptions): TaskRoute {
  const hasDestination = call.queue !== undefined || call.exchange !== undefined;
  const { queue, exchange } = hasDestination ? call : task;
  const routingKey = call.routingKey ?? (hasDestination ? undefined : task.routingKey);
  const priority = call.priority ?? task.priority;
  return routeOf({ queue, exchange, routingKey, priority });
}

function nameOf(requests: readonly RoutedRequest[]): string {
  const [first] = requests;
  if (requests.length === 1 && first !== undefined) return `${first.request.task}[${first.request.id}]`;
  return `a batch of ${String(requests.length)} calls`;
}
