import type { Celeriac } from "../app/celeriac.ts";
import type { ResolvedConfig } from "../app/config.ts";
import { ConfigError } from "../app/config-error.ts";
import type { Producer } from "../app/producer.ts";
import type { TaskRegistry } from "../app/registry.ts";
import type { ResultBackend } from "../backend/result-backend.ts";
import type { Broker } from "../broker/broker.ts";
import type { KeyStore } from "../broker/key-store.ts";
import { eventSender } from "../events/thread-sender.ts";
import { EventDispatcher } from "../events/event-dispatcher.ts";
import type { LamportClock } from "../events/lamport-clock.ts";
import type { Pool } from "../pool/pool.ts";
import type { Dict } from "../message/fields.ts";
import type { Clock } from "../util/clock.ts";
import type { Logger } from "../util/logger.ts";
import type { Roster } from "../util/roster.ts";
import { ConcurrencyKeys } from "./concurrency-keys.ts";
import { Heart } from "./heart.ts";
import type { WorkerLiveness } from "./liveness/worker-liveness.ts";
import { ParkedTasks } from "./parked-tasks.ts";
import { PausedQueues } from "./paused-queues.ts";
import type { PlacesApart } from "./places-apart.ts";
import { RateLimits, refuseClusterLimits } from "./rate-limits/rate-limits.ts";
import { Revocations } from "./revocations.ts";
import { RevokedIds } from "./revoked-ids.ts";
import type { RunningTask } from "./running-task.ts";
import { TaskEvents } from "./task-events.ts";
import { TaskTotals } from "./task-totals.ts";
import { TimeLimits } from "./time-limits.ts";

/** Seconds between heartbeats that a worker tells of when it is asked for one, though it sends none by itself. */
const UNSAID_INTERVAL = 2;

/** What an execution works with. */
export interface WorkerParts {
  readonly hostname: string;
  readonly config: ResolvedConfig;
  readonly tasks: TaskRegistry;
  readonly producer: Producer;
  /** Undefined when the app keeps no results. */
  readonly backend: ResultBackend | undefined;
  readonly revocations: Revocations;
  /** Undefined where nothing keeps what the whole fleet must know; no task has a concurrency key then. */
  readonly concurrencyKeys: ConcurrencyKeys | undefined;
  readonly rateLimits: RateLimits;
  readonly parkedTasks: Pick<ParkedTasks, "park">;
  readonly pool: Pool;
  readonly placesApart: PlacesApart;
  /** Every execution enters itself for as long as its body runs. */
  readonly running: Roster<RunningTask>;
  readonly totals: TaskTotals;
  readonly timeLimits: TimeLimits;
  readonly taskEvents: TaskEvents;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborts when running tasks have had their grace. */
  readonly giveUp: AbortSignal;
}

export interface WorkerPlan {
  readonly app: Celeriac;
  readonly broker: Broker;
  readonly hostname: string;
  /** What the worker consumes, which may change. */
  readonly queues: ReadonlySet<string>;
  readonly pool: Pool;
  readonly liveness: Pick<WorkerLiveness, "running" | "answer">;
  readonly log: Logger;
  readonly giveUp: AbortSignal;
  /** As `RateLimitsOptions.onHeld`. */
  readonly onHeld: (count: number) => void;
  readonly placesApart: PlacesApart;
}

/** What there is besides for those who watch the worker. Disposing ends what goes on beside the tasks. The pool and the broker are others'. */
export interface OpenParts extends WorkerParts, AsyncDisposable {
  /** Counts what the worker does and hears of. */
  readonly lamport: LamportClock;
  readonly events: EventDispatcher;
  readonly heart: Heart;
  readonly revokedIds: RevokedIds;
  readonly pausedQueues: PausedQueues;
}

/** Rejects with ConfigError when a task has a concurrency key or a rate limit over all workers that nothing can keep, and with ResultBackendUnavailableError. */
export async function openParts(plan: WorkerPlan): Promise<OpenParts> {
  const { app, broker, hostname, queues, pool, liveness, log, giveUp, onHeld, placesApart } = plan;
  const { config, tasks, producer, clock, lamport } = app;
  const keys = await app.keys();
  const { running } = liveness;
  const backend = await app.optionalResultBackend();
  if (keys === undefined) refuseConcurrencyKeys(tasks);
  if (keys === undefined) refuseClusterLimits(tasks.all());
  const concurrencyKeys = keys && openConcurrencyKeys(keys, app, log);
  const { broadcaster } = broker;
  const sender = broadcaster && eventSender({ hostname, broadcaster, clock, log });
  const events = new EventDispatcher({
    ...{ hostname, sender, lamport, clock, log },
    taskEvents: config.workerSendTaskEvents,
  });
  const totals = new TaskTotals();
  const taskEvents = new TaskEvents(events, tasks);
  const intervalMs = (config.workerHeartbeatInterval ?? UNSAID_INTERVAL) * 1000;
  const answer = (): Dict => liveness.answer();
  const heart = new Heart({ dispatcher: events, intervalMs, running, totals, liveness: answer, clock });
  const revokedIds = new RevokedIds(clock);
  const revocations = new Revocations({ keys, heard: revokedIds, running, clock, log });
  const pausedQueues = new PausedQueues({ pauses: app.pauses, queues, clock, log });
  const timeLimits = new TimeLimits(config);
  const rateLimits = new RateLimits({ config, keys, clock, giveUp, onHeld });
  const parkedTasks = new ParkedTasks({ broker, queues, tasks, config, clock, log });
  void parkedTasks.watch();
  if (config.workerHeartbeatInterval !== null) heart.begin();
  return {
    ...{ hostname, config, tasks, producer, backend, pool, clock, log, giveUp, lamport },
    ...{ revocations, revokedIds, concurrencyKeys, rateLimits, timeLimits, parkedTasks, pausedQueues },
    ...{ running, placesApart, totals, taskEvents, events, heart },
    [Symbol.asyncDispose]: async () => {
      heart[Symbol.dispose]();
      revocations[Symbol.dispose]();
      pausedQueues[Symbol.dispose]();
      parkedTasks[Symbol.dispose]();
      await Promise.all([concurrencyKeys?.[Symbol.asyncDispose](), events[Symbol.asyncDispose]()]);
    },
  };
}

function openConcurrencyKeys(keys: KeyStore, app: Celeriac, log: Logger): ConcurrencyKeys {
  const terminate = (taskId: string): Promise<void> => app.revoke([taskId], { terminate: true });
  return new ConcurrencyKeys({ keys, terminate, random: app.random, clock: app.clock, log });
}

/** Throws ConfigError when a task needs them. */
function refuseConcurrencyKeys(tasks: TaskRegistry): void {
  const task = tasks.all().find(({ options }) => options.concurrency !== undefined);
  if (task === undefined) return;
  throw new ConfigError(
    `The task "${task.name}" has a concurrency key, but neither the broker nor the result backend keeps fleet-wide keys.`,
  );
}
