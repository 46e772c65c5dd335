import type { Adapter } from "../adapters/adapter.ts";
import type { Compression } from "../message/compression.ts";
import type { ExchangeType } from "../routing/topology.ts";
import type { TaskRoutes } from "../routing/task-router.ts";
import type { Rate } from "./rate-limit.ts";
import type { RetryPolicy } from "./retry-policy.ts";
import type { PublishRetryPolicy } from "./send-options.ts";

/**
 * What an app can be told. The names are those of Celery's settings in camelCase, and so are the units: durations are in
 * seconds unless the name ends in `Ms`. A text with a unit, such as `"10s"` or `"1d"`, may stand wherever the type has `string`.
 *
 * Each is also read from the environment, `taskDefaultQueue` from `CELERY_TASK_DEFAULT_QUEUE` or `CELERIAC_TASK_DEFAULT_QUEUE`:
 * lists and objects as JSON, lists of names also with commas. The command line beats the environment, which beats the code.
 */
export interface CeleriacConfig {
  /** Where messages are kept: a URL, or what `sqlite()`, `memory()` … return. Environment: `CELERY_BROKER_URL`. @default "sqlite:celeriac.db" */
  readonly broker?: string | Adapter;
  /** Where results are kept. Environment: `CELERY_RESULT_BACKEND`, `CELERY_RESULT_BACKEND_URL`. @default none: no results */
  readonly resultBackend?: string | Adapter;

  /** How the broker is spoken to. */
  readonly brokerTransportOptions?: BrokerTransportOptions;
  /** How the result backend is spoken to. */
  readonly resultBackendTransportOptions?: ResultBackendTransportOptions;

  /** The queue of tasks that no route sends elsewhere. @default "celery" */
  readonly taskDefaultQueue?: string;
  /** Exchange of the default queue, and of the queues in `taskQueues` that name none. @default the default queue's name */
  readonly taskDefaultExchange?: string;
  /** Type of that exchange, and of the queues' in `taskQueues` that name none. @default "direct" */
  readonly taskDefaultExchangeType?: ExchangeType;
  /** Routing key of the default queue, and of the queues in `taskQueues` that name none, unless their exchange is direct. @default the default queue's name */
  readonly taskDefaultRoutingKey?: string;
  /** The queues that exist besides the default one. A worker that is told no queues consumes every one of these and the default one. @default none */
  readonly taskQueues?: readonly (string | QueueConfig)[];
  /** Which task goes to which queue. @default all to the default queue */
  readonly taskRoutes?: TaskRoutes;
  /** Whether a queue that is not in `taskQueues` is made when it is first named. @default true */
  readonly taskCreateMissingQueues?: boolean;

  /** Content types that are read; a message of another one is dead-lettered. @default ["json"] */
  readonly acceptContent?: readonly ContentName[];
  /** How message bodies are compressed. @default "none" */
  readonly taskCompression?: CompressionName;

  /** How long a result is kept, in seconds. Celery's 0 and None, for ever, are refused: every record expires. @default 86_400 */
  readonly resultExpires?: number | string;
  /** How long a chord waits for the next of its members, in seconds, before it fails; null for as long as anything is kept of it. @default 86_400 */
  readonly resultChordDeadline?: number | string | null;
  /** Whether a result's record also tells the task's name, arguments, worker, retries and queue. @default false */
  readonly resultExtended?: boolean;

  /** Whether results are thrown away, unless the task or the call says otherwise. @default false */
  readonly taskIgnoreResult?: boolean;
  /** Whether failures are stored even then. @default false */
  readonly taskStoreErrorsEvenIfIgnored?: boolean;
  /** Whether the state STARTED is stored. @default false */
  readonly taskTrackStarted?: boolean;
  /** A run is ended after so many seconds. @default no limit */
  readonly taskTimeLimit?: number | string;
  /** A run's signal is aborted after so many seconds, so that it can clean up. @default no limit */
  readonly taskSoftTimeLimit?: number | string;
  /** Delay before a retry, in seconds; `default_retry_delay` of Celery's tasks. @default 180 */
  readonly taskDefaultRetryDelay?: number | string;
  /** Most retries of one call, null for no limit; `max_retries` of Celery's tasks. @default 3 */
  readonly taskMaxRetries?: number | null;
  /** When and how soon tasks are retried that say nothing of it themselves, key by key. In the code only. @default no rule */
  readonly taskRetryPolicy?: RetryPolicy;
  /** Whether messages are acknowledged when their run is over, and not before it begins. Celery's default is false. @default true */
  readonly taskAcksLate?: boolean;
  /** Whether they are acknowledged also when the run failed or was too long; otherwise they are dead-lettered. @default true */
  readonly taskAcksOnFailureOrTimeout?: boolean;
  /** Whether `chord.linkError` links to each member of the header as well. Read when that is called. @default false */
  readonly taskAllowErrorCbOnChordHeader?: boolean;
  /**
   * Whether what follows a task is stored in the result backend and only named in its message, where it is long and the task has its body in this app;
   * "never": messages always carry all of it. @default "auto"
   */
  readonly taskCanvasStorage?: "auto" | "never";
  /** The most that the messages of one canvas may carry together of what follows them, in bytes; null for no limit. @default 33_554_432 */
  readonly taskCanvasMaxBytes?: number | null;
  /** How often calls of one task may start on each worker, of tasks that say nothing of it: a number a second, or text such as `"10/m"`. @default no limit */
  readonly taskDefaultRateLimit?: Rate | null;

  /** Whether calls run here and now instead of being sent: for tests. @default false */
  readonly taskAlwaysEager?: boolean;
  /** Whether a call that runs eagerly rejects with the task's error at once. @default false */
  readonly taskEagerPropagates?: boolean;

  /** How long a send may take at most, its retries included, in milliseconds. @default 2_000 */
  readonly taskPublishTimeoutMs?: number | string;
  /** Whether a send is tried again while the broker is away. @default true */
  readonly taskPublishRetry?: boolean;
  /** The pace of those tries. */
  readonly taskPublishRetryPolicy?: PublishRetryConfig;
  /** Whether monitors are told of every task that is sent. @default false */
  readonly taskSendSentEvent?: boolean;

  /** Where a worker runs tasks. @default "inline": in its own event loop */
  readonly workerPool?: PoolName;
  /** How many tasks a worker runs at once. @default 10 inline, one for each processor in threads and processes */
  readonly workerConcurrency?: number;
  /** A thread or process is replaced after so many tasks; an inline worker stops. @default never */
  readonly workerMaxTasksPerChild?: number;
  /** A thread or process is replaced once it has so much memory after a task, in KiB; an inline worker stops. Text may have a unit: "200MB". @default never */
  readonly workerMaxMemoryPerChild?: number | string;
  /** Whether remote control may have a pool's threads and processes replaced: the command `pool_restart`. @default false */
  readonly workerPoolRestarts?: boolean;
  /** A message that was handed out so often without an answer is dead-lettered; null for no limit. @default 3 */
  readonly workerMaxDeliveries?: number | null;
  /** Whether tasks run as if none had a rate limit. @default false */
  readonly workerDisableRateLimits?: boolean;
  /** What a worker logs, this and what is graver; Celery's `WARNING` and `CRITICAL` are understood. Environment also: `CELERY_WORKER_LOGLEVEL`. @default "info" */
  readonly workerLogLevel?: LogLevel;
  /** How long running tasks may finish once a worker is told to stop, in milliseconds. @default 30_000 */
  readonly workerShutdownGraceMs?: number | string;

  /** Whether a worker tells monitors what becomes of its tasks, from the beginning; they can have that switched on and off. @default false */
  readonly workerSendTaskEvents?: boolean;
  /** Time between a worker's heartbeats, in seconds; null for none, and no word of its beginning and end. @default 2 */
  readonly workerHeartbeatInterval?: number | string | null;

  /** Globs of task modules, relative to the working directory, that a worker imports when it starts. @default none */
  readonly include?: readonly string[];
  /** Ids of hazards that are taken on knowingly: they neither warn nor refuse. @default none */
  readonly acceptHazards?: readonly string[];
  /** Environment variables that must be set where an app takes that role; those that are missing are named all at once. @default none */
  readonly requiredEnv?: Readonly<Partial<Record<Role, readonly string[]>>>;
}

/** A queue and how it is reached. Celery: `kombu.Queue`. */
export interface QueueConfig {
  readonly name: string;
  /** @default `taskDefaultExchange` */
  readonly exchange?: string;
  /** @default `taskDefaultExchangeType` */
  readonly exchangeType?: ExchangeType;
  /** @default the queue's name; with a topic or fanout exchange `taskDefaultRoutingKey` */
  readonly routingKey?: string;
  /** Further ways to the queue. @default none */
  readonly bindings?: readonly QueueBinding[];
  /** Deleted after so long without a consumer, in milliseconds. @default never */
  readonly expiresMs?: number;
}

export interface QueueBinding {
  readonly exchange: string;
  readonly routingKey: string;
}

/** Celery: `broker_transport_options`. */
export interface BrokerTransportOptions extends ResultBackendTransportOptions {
  /**
   * How long a message stays with a worker of Celeriac's that is not heard of, in seconds. A living one renews it for as long as the task
   * runs. @default 20
   */
  readonly leaseTimeout?: number | string;
  /**
   * How long a message stays with a worker of Celery's in Python, which renews nothing, in seconds: what is set there. Only where Python shares
   * the broker. @default 3600
   */
  readonly visibilityTimeout?: number | string;
}

/** Of a Redis that is given as a URL. Celery: `result_backend_transport_options`. */
export interface ResultBackendTransportOptions {
  /** Before the name of every key and channel. @default none */
  readonly globalKeyprefix?: string;
  /** What the sentinels call the master. @default the URL's `master_name` */
  readonly masterName?: string;
  /** As whom to enter the sentinels themselves. @default without a log-in */
  readonly sentinelKwargs?: SentinelKwargs;
}

/** Celery: `sentinel_kwargs`. */
export interface SentinelKwargs {
  readonly username?: string;
  readonly password?: string;
}

/** Celery: `task_publish_retry_policy`. Durations in seconds; once resolved, and in a call's own options, in milliseconds. */
export interface PublishRetryConfig {
  /** Tries after the first; null for as many as the send's deadline allows. @default 3 */
  readonly maxRetries?: number | null;
  /** Wait before the first retry. @default 0 */
  readonly intervalStart?: number | string;
  /** What each further wait adds. @default 0.2 */
  readonly intervalStep?: number | string;
  /** Longest wait. @default 1 */
  readonly intervalMax?: number | string;
}

export type ContentName = "json";
export type CompressionName = "none" | Compression;
export type PoolName = "inline" | "threads" | "processes";
export type LogLevel = "debug" | "info" | "warn" | "error";
/** What an app can be to its broker: it runs tasks, or sends them. */
export type Role = "worker" | "producer";

/** Every option as it takes effect, frozen; a number is in the unit that CeleriacConfig names. */
export interface ResolvedConfig {
  readonly broker: string | Adapter;
  readonly resultBackend: string | Adapter | undefined;
  readonly brokerTransportOptions: ResolvedResultTransport & {
    readonly leaseTimeout: number | undefined;
    readonly visibilityTimeout: number | undefined;
  };
  readonly resultBackendTransportOptions: ResolvedResultTransport;
  readonly taskDefaultQueue: string;
  readonly taskDefaultExchange: string;
  readonly taskDefaultExchangeType: ExchangeType;
  readonly taskDefaultRoutingKey: string;
  readonly taskQueues: readonly ResolvedQueue[];
  readonly taskRoutes: TaskRoutes | undefined;
  readonly taskCreateMissingQueues: boolean;
  readonly acceptContent: readonly ContentName[];
  readonly taskCompression: CompressionName;
  readonly resultExpires: number;
  readonly resultChordDeadline: number | undefined;
  readonly resultExtended: boolean;
  readonly taskIgnoreResult: boolean;
  readonly taskStoreErrorsEvenIfIgnored: boolean;
  readonly taskTrackStarted: boolean;
  readonly taskTimeLimit: number | undefined;
  readonly taskSoftTimeLimit: number | undefined;
  readonly taskDefaultRetryDelay: number;
  readonly taskMaxRetries: number | null;
  readonly taskRetryPolicy: RetryPolicy;
  readonly taskAcksLate: boolean;
  readonly taskAcksOnFailureOrTimeout: boolean;
  readonly taskAllowErrorCbOnChordHeader: boolean;
  readonly taskCanvasStorage: "auto" | "never";
  readonly taskCanvasMaxBytes: number | null;
  readonly taskDefaultRateLimit: Rate | undefined;
  readonly taskAlwaysEager: boolean;
  readonly taskEagerPropagates: boolean;
  readonly taskPublishTimeoutMs: number;
  readonly taskPublishRetry: boolean;
  readonly taskPublishRetryPolicy: Required<PublishRetryPolicy>;
  readonly taskSendSentEvent: boolean;
  readonly workerPool: PoolName;
  readonly workerConcurrency: number;
  readonly workerMaxTasksPerChild: number | undefined;
  /** In KiB. */
  readonly workerMaxMemoryPerChild: number | undefined;
  readonly workerPoolRestarts: boolean;
  readonly workerMaxDeliveries: number | null;
  readonly workerDisableRateLimits: boolean;
  readonly workerLogLevel: LogLevel;
  readonly workerShutdownGraceMs: number;
  readonly workerSendTaskEvents: boolean;
  readonly workerHeartbeatInterval: number | null;
  readonly include: readonly string[];
  readonly acceptHazards: readonly string[];
  readonly requiredEnv: Readonly<Record<Role, readonly string[]>>;
}

interface ResolvedResultTransport {
  readonly globalKeyprefix: string | undefined;
  readonly masterName: string | undefined;
  readonly sentinelKwargs: SentinelKwargs | undefined;
}

export interface ResolvedQueue {
  readonly name: string;
  readonly exchange: string;
  readonly exchangeType: ExchangeType;
  readonly routingKey: string;
  readonly bindings: readonly QueueBinding[];
  readonly expiresMs: number | undefined;
}
