import type { Adapter } from "../adapters/adapter.ts";
import { TaskRouter } from "../routing/task-router.ts";
import type { TaskRoutes } from "../routing/task-router.ts";
import type { CeleriacConfig, ResolvedConfig, Role } from "./config.ts";
import { exchangeType, queueList } from "./queue-settings.ts";
import type { GivenQueue } from "./queue-settings.ts";
import { intervalOf, type Rate } from "./rate-limit.ts";
import { faultOfLoneRetryPolicy, type RetryPolicy } from "./retry-policy.ts";
import type { PublishRetryPolicy } from "./send-options.ts";
import {
  flag,
  kibibytes,
  listOf,
  milliseconds,
  oneOf,
  orNone,
  positive,
  properties,
  refuse,
  seconds,
  structure,
  text,
  wholeNumber,
} from "./setting-kinds.ts";
import type { SettingKind } from "./setting-kinds.ts";
import { brokerTransport, resultTransport } from "./transport-options.ts";

export type SettingKey = keyof CeleriacConfig;

/** One option: what it takes, what it is without being given, and what it is called elsewhere. */
export interface Setting<T> {
  readonly kind: SettingKind<T>;
  readonly fallback: T;
  /** Celery's name, where it is not the key in lower case with underscores. */
  readonly celeryName?: string;
  /** Further variables, less their prefix. */
  readonly variables?: readonly string[];
  /** The command line's flag. */
  readonly flag?: string;
}

/** What the settings amount to before those that follow from others are filled in. */
export interface SettingValues extends Omit<
  ResolvedConfig,
  "taskDefaultExchange" | "taskDefaultRoutingKey" | "taskQueues" | "workerConcurrency"
> {
  readonly workerConcurrency: number | undefined;
  readonly taskDefaultExchange: string | undefined;
  readonly taskDefaultRoutingKey: string | undefined;
  readonly taskQueues: readonly GivenQueue[];
}

const secondsOrNone = orNone(positive(seconds, "no limit is null"), undefined);

const place: SettingKind<string | Adapter> = {
  expected: "a URL such as sqlite:celeriac.db, or an adapter",
  read: (value) => (isUrl(value) || isAdapter(value) ? value : refuse()),
  fromText: (value) => value,
};

const routes = structure<TaskRoutes | undefined>("routes by task name, a function, or a list of these", (value) => {
  if (value === null) return undefined;
  new TaskRouter(value as TaskRoutes);
  return value as TaskRoutes;
});

const rate: SettingKind<Rate> = {
  expected: 'a number a second, or text such as "10/s", "10/m" or "100/h"',
  read(value) {
    try {
      intervalOf(value);
    } catch {
      return refuse();
    }
    return value as Rate;
  },
  fromText: (value) => value,
};

const contents = listOf(oneOf(["json"], { "application/json": "json" }));

const publishRetry = structure(
  "{ maxRetries, intervalStart, intervalStep, intervalMax }",
  (value): Required<PublishRetryPolicy> => {
    const {
      maxRetries = 3,
      intervalStart = 0,
      intervalStep = 0.2,
      intervalMax = 1,
    } = properties(withLimit(value), RETRY_KEYS);
    return {
      maxRetries: maxRetries === Infinity ? Infinity : wholeNumber(0).read(maxRetries),
      intervalStartMs: seconds.read(intervalStart) * 1000,
      intervalStepMs: seconds.read(intervalStep) * 1000,
      intervalMaxMs: seconds.read(intervalMax) * 1000,
    };
  },
);

const RETRY_KEYS = ["maxRetries", "intervalStart", "intervalStep", "intervalMax"] as const;

const retryPolicy = structure<RetryPolicy>("an object, as a task's own retry options", (value) => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return refuse();
  const fault = faultOfLoneRetryPolicy(value);
  return fault === undefined ? value : refuse(fault);
});

const requiredEnv = structure(
  "{ worker: [variables], producer: [variables] }",
  (value): Readonly<Record<Role, readonly string[]>> => {
    const { worker = [], producer = [] } = properties(value, ["worker", "producer"]);
    return { worker: listOf(text).read(worker), producer: listOf(text).read(producer) };
  },
);

/** Every option, in the order in which they are explained. */
export const SETTINGS: { readonly [K in SettingKey]-?: Setting<SettingValues[K]> } = {
  broker: { kind: place, fallback: "sqlite:celeriac.db", celeryName: "broker_url", flag: "--broker" },
  resultBackend: {
    kind: orNone(place, undefined),
    fallback: undefined,
    variables: ["RESULT_BACKEND_URL"],
    flag: "--result-backend",
  },
  brokerTransportOptions: { kind: brokerTransport, fallback: brokerTransport.read({}) },
  resultBackendTransportOptions: { kind: resultTransport, fallback: resultTransport.read({}) },
  taskDefaultQueue: { kind: text, fallback: "celery" },
  taskDefaultExchange: { kind: orNone(text, undefined), fallback: undefined },
  taskDefaultExchangeType: { kind: exchangeType, fallback: "direct" },
  taskDefaultRoutingKey: { kind: orNone(text, undefined), fallback: undefined },
  taskQueues: { kind: orNone(queueList, []), fallback: [] },
  taskRoutes: { kind: routes, fallback: undefined },
  taskCreateMissingQueues: { kind: flag, fallback: true },
  acceptContent: { kind: contents, fallback: ["json"] },
  taskCompression: { kind: orNone(oneOf(["none", "gzip", "zlib", "brotli"]), "none"), fallback: "none" },
  resultExpires: {
    kind: positive(seconds, "every record expires; give a long time rather than none"),
    fallback: 86_400,
  },
  resultChordDeadline: { kind: secondsOrNone, fallback: 86_400 },
  resultExtended: { kind: flag, fallback: false },
  taskIgnoreResult: { kind: flag, fallback: false },
  taskStoreErrorsEvenIfIgnored: { kind: flag, fallback: false },
  taskTrackStarted: { kind: flag, fallback: false },
  taskTimeLimit: { kind: secondsOrNone, fallback: undefined, flag: "--time-limit" },
  taskSoftTimeLimit: { kind: secondsOrNone, fallback: undefined, flag: "--soft-time-limit" },
  taskDefaultRetryDelay: { kind: seconds, fallback: 180 },
  taskMaxRetries: { kind: orNone(wholeNumber(0), null), fallback: 3 },
  taskRetryPolicy: { kind: retryPolicy, fallback: {} },
  taskAcksLate: { kind: flag, fallback: true },
  taskAcksOnFailureOrTimeout: { kind: flag, fallback: true },
  taskAllowErrorCbOnChordHeader: { kind: flag, fallback: false },
  taskCanvasStorage: { kind: oneOf(["auto", "never"]), fallback: "auto" },
  taskCanvasMaxBytes: { kind: orNone(wholeNumber(1), null), fallback: 33_554_432 },
  taskDefaultRateLimit: { kind: orNone(rate, undefined), fallback: undefined },
  taskAlwaysEager: { kind: flag, fallback: false },
  taskEagerPropagates: { kind: flag, fallback: false },
  taskPublishTimeoutMs: { kind: positive(milliseconds, "a send without a deadline could hang"), fallback: 2_000 },
  taskPublishRetry: { kind: flag, fallback: true },
  taskPublishRetryPolicy: { kind: publishRetry, fallback: publishRetry.read({}) },
  taskSendSentEvent: { kind: flag, fallback: false },
  workerPool: {
    kind: oneOf(["inline", "threads", "processes"], { prefork: "processes" }),
    fallback: "inline",
    flag: "--pool",
  },
  workerConcurrency: { kind: wholeNumber(1), fallback: undefined, flag: "--concurrency" },
  workerMaxTasksPerChild: {
    kind: orNone(wholeNumber(1), undefined),
    fallback: undefined,
    flag: "--max-tasks-per-child",
  },
  workerMaxMemoryPerChild: {
    kind: orNone(positive(kibibytes, "no limit is null"), undefined),
    fallback: undefined,
    flag: "--max-memory-per-child",
  },
  workerPoolRestarts: { kind: flag, fallback: false },
  workerMaxDeliveries: { kind: orNone(wholeNumber(1), null), fallback: 3 },
  workerDisableRateLimits: { kind: flag, fallback: false },
  workerLogLevel: {
    kind: oneOf(["debug", "info", "warn", "error"], { warning: "warn", critical: "error", fatal: "error" }),
    fallback: "info",
    variables: ["WORKER_LOGLEVEL"],
    flag: "--loglevel",
  },
  workerShutdownGraceMs: { kind: milliseconds, fallback: 30_000, flag: "--grace" },
  workerSendTaskEvents: { kind: flag, fallback: false, flag: "--task-events" },
  workerHeartbeatInterval: {
    kind: orNone(positive(seconds, "no heartbeat is null"), null),
    fallback: 2,
    flag: "--heartbeat-interval",
  },
  include: { kind: listOf(text), fallback: [] },
  acceptHazards: { kind: listOf(text), fallback: [] },
  requiredEnv: { kind: requiredEnv, fallback: requiredEnv.read({}) },
};

/** Celery's None stands for no limit; elsewhere in the policy it means that nothing is given. */
function withLimit(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const isUnlimited = ["maxRetries", "max_retries"].some(
    (key) => (value as Readonly<Record<string, unknown>>)[key] === null,
  );
  return isUnlimited ? { ...value, maxRetries: Infinity } : value;
}

function isUrl(value: unknown): value is string {
  return typeof value === "string" && /^[a-z][a-z0-9+.-]*:/i.test(value);
}

function isAdapter(value: unknown): value is Adapter {
  return typeof value === "object" && value !== null && typeof (value as { url?: unknown }).url === "string";
}
