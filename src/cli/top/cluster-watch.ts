import type { Celeriac } from "../../app/celeriac.ts";
import { shown } from "../../app/show-value.ts";
import { BrokerUnavailableError } from "../../broker/errors.ts";
import type { Cluster } from "../../events/cluster/cluster.ts";
import type { ReceivedEvent } from "../../events/event-receiver.ts";
import { isDict } from "../../message/fields.ts";
import { deferred } from "../../util/deferred.ts";
import { toError } from "../../util/errors.ts";
import { maskSecrets } from "../../util/mask-url.ts";
import { countQueues, type QueueLine } from "../count-queues.ts";
import { RateMeter } from "./rates.ts";
import { latestTasks, runningTasks, workerLines, type TopSnapshot } from "./snapshot.ts";

/** Time between two looks at the broker, in milliseconds. */
const LOOK_MS = 1_000;
/** Workers are asked for the sizes of their pools every so many looks. */
const LOOKS_PER_SIZE = 10;

/**
 * Watches a cluster for as long as it is wanted, through losses of the broker: its events, its queues, and what workers answer. Workers that are new are told to
 * send the events of their tasks.
 */
export class ClusterWatch implements AsyncDisposable {
  readonly #app: Celeriac;
  readonly #ending = new AbortController();
  readonly #failed = deferred<never>();
  readonly #meter = new RateMeter();
  readonly #sizes = new Map<string, number>();
  /** Lives of workers, by name and process, that were met. */
  readonly #met = new Set<string>();
  readonly #enabled = new Set<string>();
  readonly #working: Promise<unknown>;
  #cluster: Cluster | undefined;
  #queues: readonly QueueLine[] = [];
  #problem: string | undefined = "connecting";

  constructor(app: Celeriac) {
    this.#app = app;
    this.#failed.promise.catch(() => undefined);
    this.#working = Promise.all([this.#follow(), this.#look()]).catch((error: unknown) => this.#failed.reject(error));
  }

  /** Rejects when it cannot go on: with what is no loss of the broker. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  /** Names of the workers that began to send the events of their tasks because of this. */
  get enabled(): readonly string[] {
    return [...this.#enabled].sort();
  }

  snapshot(): TopSnapshot {
    const [cluster, app, now] = [this.#cluster, this.#app, this.#app.clock.now()];
    const totals = cluster?.totals;
    return {
      time: now / 1000,
      broker: String(shown(app.config.broker)),
      problem: this.#problem,
      totals,
      rates: totals === undefined ? undefined : this.#meter.rates(totals, now),
      workers: cluster === undefined ? [] : workerLines(cluster, this.#sizes),
      queues: this.#queues,
      running: cluster === undefined ? [] : runningTasks(cluster),
      latest: cluster === undefined ? [] : latestTasks(cluster),
    };
  }

  /** Calling it again is fine. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.#cluster?.[Symbol.asyncDispose]();
    await this.#working;
  }

  async #follow(): Promise<void> {
    await this.#again(async () => {
      const cluster = await this.#app.cluster();
      this.#cluster = cluster;
      if (this.#ending.signal.aborted) await cluster[Symbol.asyncDispose]();
      await cluster.ended;
    });
  }

  async #look(): Promise<void> {
    let looks = 0;
    await this.#again(async () => {
      this.#queues = await countQueues(this.#app);
      const cluster = this.#cluster;
      if (cluster === undefined) return;
      this.#problem = undefined;
      await this.#meetNewcomers(cluster);
      looks += 1;
      if (looks % LOOKS_PER_SIZE === 0) await askSizes(this.#app, this.#sizes);
    });
  }

  /** Does something every so often until the end, whether the broker is there or not. */
  async #again(act: () => Promise<void>): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      try {
        await act();
      } catch (error) {
        if (!(error instanceof BrokerUnavailableError)) throw error;
        this.#problem = maskSecrets(toError(error).message);
      }
      await this.#app.clock.sleep(LOOK_MS, { signal }).catch(() => undefined);
    }
  }

  async #meetNewcomers(cluster: Cluster): Promise<void> {
    const here = cluster.workers().filter(({ state }) => state !== "gone");
    const lives = new Map(here.map(({ hostname, pid }) => [`${hostname} ${String(pid)}`, hostname]));
    for (const life of this.#met) if (!lives.has(life)) this.#met.delete(life);
    const destination = [...lives].flatMap(([life, hostname]) => (this.#met.has(life) ? [] : hostname));
    if (destination.length === 0) return;
    await Promise.all([
      this.#enableEvents(destination),
      askSizes(this.#app, this.#sizes, destination),
      askRunning(this.#app, cluster, destination),
    ]);
    for (const life of lives.keys()) this.#met.add(life);
  }

  async #enableEvents(destination: readonly string[]): Promise<void> {
    const answers = await this.#app.control.ask("enable_events", {}, { destination });
    for (const [node, answer] of answers) if (fieldOf(answer, "ok") === "task events enabled") this.#enabled.add(node);
  }
}

/** One look at a cluster, of about a second, which changes nothing. Rejects with BrokerUnavailableError. */
export async function lookOnce(app: Celeriac): Promise<TopSnapshot> {
  await using cluster = await app.cluster();
  const sizes = new Map<string, number>();
  const [queues] = await Promise.all([countQueues(app), askSizes(app, sizes), askRunning(app, cluster)]);
  await askLiveness(app, cluster);
  return {
    time: app.clock.now() / 1000,
    broker: String(shown(app.config.broker)),
    problem: undefined,
    totals: undefined,
    rates: undefined,
    workers: workerLines(cluster, sizes),
    queues,
    running: runningTasks(cluster),
    latest: latestTasks(cluster),
  };
}

/** Of all workers, or those that are named. */
async function askSizes(app: Celeriac, sizes: Map<string, number>, destination?: readonly string[]): Promise<void> {
  const answers = await app.control.ask("stats", {}, audienceOf(destination));
  if (destination === undefined) sizes.clear();
  for (const [node, stats] of answers) {
    const size = fieldOf(fieldOf(stats, "pool"), "max-concurrency");
    if (typeof size === "number") sizes.set(node, size);
  }
}

/** Tells the cluster of tasks that began before anybody listened. */
async function askRunning(app: Celeriac, cluster: Cluster, destination?: readonly string[]): Promise<void> {
  for (const [node, requests] of await app.control.ask("active", { safe: true }, audienceOf(destination))) {
    if (!Array.isArray(requests)) continue;
    for (const request of requests)
      cluster.apply(startOf(request, node, cluster.worker(node)?.pid ?? 0, app.clock.now()));
  }
}

/** Workers of ours say how they are also while they are wedged, and send no heartbeat out of turn. */
async function askLiveness(app: Celeriac, cluster: Cluster): Promise<void> {
  const answers = await app.control.ask("ping", { liveness: true }, { limit: cluster.workers().length });
  const now = app.clock.now() / 1000;
  for (const [hostname, answer] of answers) {
    const liveness = fieldOf(answer, "liveness");
    const { pid, clock = 0 } = cluster.worker(hostname) ?? {};
    const heard = { hostname, utcoffset: 0, pid: fieldOf(liveness, "pid") ?? pid ?? 0, clock, timestamp: now };
    const active = fieldOf(liveness, "running");
    const event = { ...heard, type: "worker-heartbeat", active, liveness, local_received: now };
    if (liveness !== undefined) cluster.apply(event as unknown as ReceivedEvent);
  }
}

/** What a worker says of a task that it runs, as the event of its start, which is older than all events that come. */
function startOf(request: unknown, node: string, pid: number, now: number): ReceivedEvent {
  const began = fieldOf(request, "time_start");
  return {
    type: "task-started",
    hostname: node,
    utcoffset: 0,
    pid,
    clock: 0,
    timestamp: typeof began === "number" ? began : now / 1000,
    local_received: now / 1000,
    uuid: fieldOf(request, "id"),
    name: fieldOf(request, "name"),
    args: fieldOf(request, "args"),
    kwargs: fieldOf(request, "kwargs"),
  } as unknown as ReceivedEvent;
}

function audienceOf(destination: readonly string[] | undefined): { readonly destination?: readonly string[] } {
  return destination === undefined ? {} : { destination };
}

function fieldOf(value: unknown, name: string): unknown {
  return isDict(value) ? value[name] : undefined;
}
