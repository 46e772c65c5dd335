import type { Celeriac } from "../app/celeriac.ts";
import type { ResolvedConfig } from "../app/config.ts";
import { ConfigError } from "../app/config-error.ts";
import type { Producer } from "../app/producer.ts";
import type { TaskRegistry } from "../app/registry.ts";
import type { ResultBackend } from "../backend/result-backend.ts";
import type { Broker } from "../broker/broker.ts";
import type { KeyStore } from "../broker/key-store.ts";
import { EventDispatcher } from "../events/event-dispatcher.ts";
import { LamportClock } from "../events/lamport-clock.ts";
import type { Pool } from "../pool/pool.ts";
import type { Clock } from "../util/clock.ts";
import type { Logger } from "../util/logger.ts";
import { Roster } from "../util/roster.ts";
import { ConcurrencyKeys } from "./concurrency-keys.ts";
import { Heart } from "./heart.ts";
import { ParkedTasks } from "./parked-tasks.ts";
import { Revocations } from "./revocations.ts";
import type { RunningTask } from "./running-task.ts";
import { TaskEvents } from "./task-events.ts";
import { TaskTotals } from "./task-totals.ts";

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
  readonly parkedTasks: Pick<ParkedTasks, "park">;
  readonly pool: Pool;
  /** Every execution enters itself for as long as its body runs. */
  readonly running: Roster<RunningTask>;
  readonly totals: TaskTotals;
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
  readonly queues: Iterable<string>;
  readonly pool: Pool;
  readonly log: Logger;
  readonly giveUp: AbortSignal;
}

/** What there is besides for those who watch the worker. Disposing ends what goes on beside the tasks. The pool and the broker are others'. */
export interface OpenParts extends WorkerParts, AsyncDisposable {
  /** Counts what the worker does and hears of. */
  readonly lamport: LamportClock;
  readonly events: EventDispatcher;
  readonly heart: Heart;
}

/** Rejects with ConfigError when a task has a concurrency key that nothing can keep, and with ResultBackendUnavailableError. */
export async function openParts({ app, broker, hostname, queues, pool, log, giveUp }: WorkerPlan): Promise<OpenParts> {
  const { config, tasks, producer, clock } = app;
  const keys = await app.keys();
  const running = new Roster<RunningTask>();
  const backend = await app.optionalResultBackend();
  if (keys === undefined) refuseConcurrencyKeys(tasks);
  const concurrencyKeys = keys && openConcurrencyKeys(keys, app, log);
  const lamport = new LamportClock();
  const { broadcaster } = broker;
  const taskEventsOn = config.workerSendTaskEvents;
  const events = new EventDispatcher({ hostname, broadcaster, lamport, taskEvents: taskEventsOn, clock, log });
  const totals = new TaskTotals();
  const taskEvents = new TaskEvents(events, tasks);
  const intervalMs = (config.workerHeartbeatInterval ?? UNSAID_INTERVAL) * 1000;
  const heart = new Heart({ dispatcher: events, intervalMs, running, totals, clock });
  const revocations = new Revocations({ keys, running, clock, log });
  const parkedTasks = new ParkedTasks({ broker, queues, tasks, config, clock, log });
  void parkedTasks.watch();
  if (config.workerHeartbeatInterval !== null) heart.begin();
  return {
    ...{ hostname, config, tasks, producer, backend, revocations, concurrencyKeys, parkedTasks },
    ...{ pool, running, totals, taskEvents, clock, log, giveUp, lamport, events, heart },
    [Symbol.asyncDispose]: async () => {
      heart[Symbol.dispose]();
      revocations[Symbol.dispose]();
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
