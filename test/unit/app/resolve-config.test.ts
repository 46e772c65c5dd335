import { describe, expect, it } from "vitest";
import { lackingSetting, spellingsOf } from "../../../src/app/celery-settings.ts";
import { ConfigError } from "../../../src/app/config-error.ts";
import { explainConfig } from "../../../src/app/explain-config.ts";
import type { ExplainedSetting } from "../../../src/app/explain-config.ts";
import { resolveConfig } from "../../../src/app/resolve-config.ts";
import type { ConfigInCode, ConfigLayers } from "../../../src/app/resolve-config.ts";
import { SETTINGS } from "../../../src/app/settings.ts";
import type { ResolvedConfig } from "../../../src/app/config.ts";

function inCode(code: object): ResolvedConfig {
  return resolveConfig({ code: code as ConfigInCode }).config;
}

function inEnvironment(environment: Record<string, string>): ResolvedConfig {
  return resolveConfig({ environment }).config;
}

function explained(layers: ConfigLayers, key: string): ExplainedSetting | undefined {
  return explainConfig(resolveConfig(layers)).find((row) => row.key === key);
}

/** Our name, Celery's, Celery's old one, and a value that all take. */
const SPELLINGS: readonly (readonly [ours: string, celerys: string, old: string, value: unknown])[] = [
  ["broker", "broker_url", "BROKER_URL", "redis://h/1"],
  ["resultBackend", "result_backend", "CELERY_RESULT_BACKEND", "redis://h/2"],
  ["taskDefaultQueue", "task_default_queue", "CELERY_DEFAULT_QUEUE", "main"],
  ["taskDefaultExchangeType", "task_default_exchange_type", "CELERY_DEFAULT_EXCHANGE_TYPE", "topic"],
  [
    "taskQueues",
    "task_queues",
    "CELERY_QUEUES",
    ["main", { name: "feeds", exchange: "x", exchangeType: "topic", routingKey: "feed.#" }],
  ],
  ["taskRoutes", "task_routes", "CELERY_ROUTES", { "feed.*": { queue: "feeds" } }],
  ["taskCompression", "task_compression", "CELERY_MESSAGE_COMPRESSION", "gzip"],
  ["resultExpires", "result_expires", "CELERY_TASK_RESULT_EXPIRES", 3600],
  ["taskIgnoreResult", "task_ignore_result", "CELERY_IGNORE_RESULT", true],
  ["taskDefaultRateLimit", "task_default_rate_limit", "CELERY_DEFAULT_RATE_LIMIT", "10/m"],
  ["workerDisableRateLimits", "worker_disable_rate_limits", "CELERY_DISABLE_RATE_LIMITS", true],
  ["taskTimeLimit", "task_time_limit", "CELERYD_TASK_TIME_LIMIT", 60],
  [
    "taskPublishRetryPolicy",
    "task_publish_retry_policy",
    "CELERY_TASK_PUBLISH_RETRY_POLICY",
    { maxRetries: 5, intervalMax: 2 },
  ],
  ["workerConcurrency", "worker_concurrency", "CELERYD_CONCURRENCY", 4],
  ["taskSendSentEvent", "task_send_sent_event", "CELERY_SEND_TASK_SENT_EVENT", true],
  ["workerSendTaskEvents", "worker_send_task_events", "CELERY_SEND_EVENTS", true],
  ["acceptContent", "accept_content", "CELERY_ACCEPT_CONTENT", ["json"]],
  ["include", "include", "CELERY_INCLUDE", ["tasks/*.ts"]],
];

describe("the spellings of one configuration (S1-19)", () => {
  const effective = inCode(Object.fromEntries(SPELLINGS.map(([ours, , , value]) => [ours, value])));

  it("is the same under Celery's new names", () => {
    const config = inCode({
      ...Object.fromEntries(SPELLINGS.map(([, celerys, , value]) => [celerys, value])),
      task_queues: ["main", { name: "feeds", exchange: "x", exchange_type: "topic", routing_key: "feed.#" }],
      task_publish_retry_policy: { max_retries: 5, interval_max: 2 },
      accept_content: ["application/json"],
    });
    expect(config).toEqual(effective);
  });

  it("is the same under Celery's old names", () => {
    const config = inCode({
      ...Object.fromEntries(SPELLINGS.map(([, , old, value]) => [old, value])),
      CELERY_QUEUES: { main: {}, feeds: { exchange: "x", exchange_type: "topic", binding_key: "feed.#" } },
      CELERY_TASK_PUBLISH_RETRY_POLICY: { max_retries: 5, interval_max: 2 },
    });
    expect(config).toEqual(effective);
  });

  it.each(["CELERY_", "CELERIAC_"])("is the same from the environment, with the prefix %s", (prefix) => {
    const asText = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));
    const variables = Object.fromEntries(
      SPELLINGS.map(([, celerys, , value]) => [prefix + celerys.toUpperCase(), asText(value)]),
    );
    expect(inEnvironment(variables)).toEqual(effective);
    const withCommas = { [`${prefix}ACCEPT_CONTENT`]: "json", [`${prefix}INCLUDE`]: "tasks/*.ts" };
    expect(inEnvironment({ ...variables, ...withCommas })).toEqual(effective);
  });

  it("gives every option names of its own", () => {
    const owners = new Map<string, string>();
    for (const [key, { celeryName }] of Object.entries<{ celeryName?: string }>(SETTINGS)) {
      for (const name of spellingsOf(celeryName ?? key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`))) {
        expect([name, owners.get(name) ?? key]).toEqual([name, key]);
        expect([name, lackingSetting(name)]).toEqual([name, undefined]);
        owners.set(name, key);
      }
    }
  });
});

describe("what takes effect", () => {
  it("is Celery's default where nothing is said", () => {
    expect(resolveConfig().config).toMatchObject({
      taskDefaultQueue: "celery",
      taskDefaultExchange: "celery",
      taskDefaultRoutingKey: "celery",
      taskDefaultExchangeType: "direct",
      resultBackend: undefined,
      resultExpires: 86_400,
      taskMaxRetries: 3,
      taskDefaultRetryDelay: 180,
      taskTimeLimit: undefined,
      taskPublishRetryPolicy: { maxRetries: 3, intervalStartMs: 0, intervalStepMs: 200, intervalMaxMs: 1000 },
    });
  });

  it("is the command line's before the environment's before the code's (S2-36)", () => {
    const code = { workerConcurrency: 1, taskDefaultQueue: "code", resultExpires: 1 };
    const environment = { CELERY_WORKER_CONCURRENCY: "2", CELERY_TASK_DEFAULT_QUEUE: "environment" };
    const { config, sources } = resolveConfig({ code, environment, commandLine: { workerConcurrency: "3" } });
    expect(config).toMatchObject({ workerConcurrency: 3, taskDefaultQueue: "environment", resultExpires: 1 });
    expect(sources.get("workerConcurrency")).toEqual({
      source: "command line",
      name: "--concurrency",
      overrides: [
        { source: "environment", name: "CELERY_WORKER_CONCURRENCY" },
        { source: "code", name: "workerConcurrency" },
      ],
    });
    expect(sources.get("taskTrackStarted")).toEqual({ source: "default", name: "taskTrackStarted", overrides: [] });
  });

  it("is a number, a truth or a list where the environment has text (S2-35)", () => {
    const config = inEnvironment({
      CELERY_WORKER_CONCURRENCY: "7",
      CELERY_RESULT_EXPIRES: "1.5",
      CELERY_TASK_TIME_LIMIT: "2m",
      CELERY_WORKER_LOGLEVEL: "WARNING",
      CELERY_TASK_TRACK_STARTED: "yes",
      CELERY_TASK_PUBLISH_RETRY: "0",
      CELERY_TASK_QUEUES: "a, b",
      CELERY_TASK_MAX_RETRIES: "none",
      CELERIAC_WORKER_SHUTDOWN_GRACE_MS: "5s",
    });
    expect(config).toMatchObject({
      workerConcurrency: 7,
      resultExpires: 1.5,
      taskTimeLimit: 120,
      workerLogLevel: "warn",
      taskTrackStarted: true,
      taskPublishRetry: false,
      taskMaxRetries: null,
      workerShutdownGraceMs: 5_000,
    });
    expect(config.taskQueues.map(({ name }) => name)).toEqual(["a", "b"]);
  });

  it("takes CELERY_RESULT_BACKEND_URL for CELERY_RESULT_BACKEND, also beside it when both say the same (S2-03)", () => {
    expect(inEnvironment({ CELERY_RESULT_BACKEND_URL: "sqlite:r.db" }).resultBackend).toBe("sqlite:r.db");
    const both = { CELERY_RESULT_BACKEND_URL: "sqlite:r.db", CELERY_RESULT_BACKEND: "sqlite:r.db" };
    expect(inEnvironment(both).resultBackend).toBe("sqlite:r.db");
    expect(() => inEnvironment({ ...both, CELERY_RESULT_BACKEND: "sqlite:other.db" })).toThrow(
      "given twice in the environment",
    );
  });

  it("ignores empty variables and those of others", () => {
    expect(
      inEnvironment({
        CELERY_BROKER_URL: "",
        CELERY_APP: "proj",
        CELERYD_NODES: "2",
        CELERIAC_BENCH_SCALE: "1",
        HOME: "/",
      }),
    ).toEqual(resolveConfig().config);
  });

  it("takes transport options under Celery's names and ours, also as JSON in the environment", () => {
    const celerys = {
      visibility_timeout: 7200,
      global_keyprefix: "shop:",
      master_name: "main",
      sentinel_kwargs: { password: "p" },
    };
    const broker = { visibilityTimeout: "2h", globalKeyprefix: "shop:", masterName: "main", leaseTimeout: "10s" };
    const results = { globalKeyprefix: "results" };
    expect(inCode({ broker_transport_options: celerys }).brokerTransportOptions).toEqual({
      leaseTimeout: undefined,
      visibilityTimeout: 7200,
      globalKeyprefix: "shop:",
      masterName: "main",
      sentinelKwargs: { password: "p" },
    });
    const config = inEnvironment({
      CELERY_BROKER_TRANSPORT_OPTIONS: JSON.stringify(broker),
      CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS: JSON.stringify(results),
    });
    expect(config.brokerTransportOptions).toMatchObject({ leaseTimeout: 10, visibilityTimeout: 7200 });
    expect(config.resultBackendTransportOptions).toMatchObject(results);
  });

  it("says of Celery's transport options that are not needed why they are not", () => {
    const refused = (options: object): (() => unknown) => {
      return () => inCode({ brokerTransportOptions: options });
    };
    expect(refused({ polling_interval: 1 })).toThrow(/Celeriac does not have "polling_interval": a worker is told/);
    expect(() => inCode({ resultBackendTransportOptions: { result_chord_ordered: false } })).toThrow(
      /Celeriac does not have "result_chord_ordered": chords always/,
    );
    expect(refused({ priority_steps: [0, 5] })).toThrow(/the steps are always 0, 3, 6 and 9/);
    expect(refused({ socket_timeout: 3 })).toThrow(/"socket_timeout": connections are watched/);
    expect(refused({ visibilityTimeot: 3 })).toThrow(/did you mean "visibilityTimeout"/);
    expect(() => inCode({ broker_use_ssl: true })).toThrow(/broker_use_ssl: write rediss:\/\//);
  });

  it("takes adapters as they are", () => {
    const adapter = { url: "memory:" };
    expect(inCode({ broker: adapter }).broker).toBe(adapter);
  });

  it("is frozen, and independent of what it was made from", () => {
    const queues = ["a"];
    const config = inCode({ taskQueues: queues, requiredEnv: { worker: ["X"] } });
    queues.push("b");
    expect(config.taskQueues).toHaveLength(1);
    expect(
      Object.isFrozen(config) && Object.isFrozen(config.taskQueues[0]) && Object.isFrozen(config.requiredEnv.worker),
    ).toBe(true);
  });

  it("completes queues from the defaults", () => {
    const config = inCode({
      taskDefaultExchange: "tasks",
      taskDefaultExchangeType: "topic",
      taskDefaultRoutingKey: "task.default",
      taskQueues: [
        "bare",
        { name: "feeds", routingKey: "feed.#", expiresMs: 60_000 },
        { name: "d", exchange: "x", exchangeType: "direct" },
      ],
    });
    expect(config.taskQueues).toEqual([
      {
        name: "bare",
        exchange: "tasks",
        exchangeType: "topic",
        routingKey: "task.default",
        bindings: [],
        expiresMs: undefined,
      },
      {
        name: "feeds",
        exchange: "tasks",
        exchangeType: "topic",
        routingKey: "feed.#",
        bindings: [],
        expiresMs: 60_000,
      },
      { name: "d", exchange: "x", exchangeType: "direct", routingKey: "d", bindings: [], expiresMs: undefined },
    ]);
  });
});

describe("what is refused", () => {
  it.each<[string, object]>([
    ['The option "taskDefualtQueue" is unknown; did you mean "taskDefaultQueue"?', { taskDefualtQueue: "x" }],
    ['The option "CELERY_DEFAULT_QUEU" is unknown; did you mean "CELERY_DEFAULT_QUEUE"?', { CELERY_DEFAULT_QUEU: "x" }],
    ['The option "colour" is unknown.', { colour: "blue" }],
    ['The option "__proto__" is unknown.', JSON.parse('{"__proto__": 1}') as object],
    [
      "Celeriac does not have Celery's setting CELERYD_PREFETCH_MULTIPLIER (worker_prefetch_multiplier)",
      { CELERYD_PREFETCH_MULTIPLIER: 1 },
    ],
    ["Celeriac does not have Celery's setting CELERY_TIMEZONE (timezone)", { CELERY_TIMEZONE: "UTC" }],
    ["Celeriac does not have Celery's setting workerTimer", { workerTimer: true }],
    [
      "taskDefaultQueue and CELERY_DEFAULT_QUEUE are the same option",
      { taskDefaultQueue: "a", CELERY_DEFAULT_QUEUE: "b" },
    ],
    ['workerConcurrency: expected a whole number of at least 1; got "4"', { workerConcurrency: "4" }],
    ["workerConcurrency: expected a whole number of at least 1; got 0", { workerConcurrency: 0 }],
    ["worker_concurrency: expected a whole number of at least 1; got 1.5", { worker_concurrency: 1.5 }],
    ["every record expires", { resultExpires: 0 }],
    ["every record expires", { result_expires: null }],
    ["taskTimeLimit: expected", { taskTimeLimit: -1 }],
    ["taskTimeLimit: expected", { taskTimeLimit: NaN }],
    [
      "taskSoftTimeLimit (5 s) must not be longer than taskTimeLimit (2 s)",
      { taskSoftTimeLimit: 5, taskTimeLimit: "2s" },
    ],
    ['workerPool: expected one of "inline", "threads", "processes"; got "gevent"', { workerPool: "gevent" }],
    ['taskRoutes: taskRoutes["feed.*"] has an unknown key "queu"', { taskRoutes: { "feed.*": { queu: "x" } } }],
    ['unknown key "exchnge"; did you mean "exchange"?', { taskQueues: [{ name: "a", exchnge: "x" }] }],
    ['queue "a" is declared twice', { taskQueues: ["a", { name: "a" }] }],
    ['acceptContent: expected a list, each one of "json"', { acceptContent: ["pickle"] }],
    ["broker: expected a URL such as sqlite:celeriac.db", { broker: "localhost" }],
    ["taskAlwaysEager: expected true or false", { taskAlwaysEager: 1 }],
    ['unknown key "workers"', { requiredEnv: { workers: ["X"] } }],
    ['unknown key "intervall_max"', { taskPublishRetryPolicy: { intervall_max: 1 } }],
  ])("%s", (message, code) => {
    expect(() => inCode(code)).toThrow(ConfigError);
    expect(() => inCode(code)).toThrow(message);
  });

  it.each<[string, Record<string, string>]>([
    [
      'CELERY_WORKER_CONCURRENCY: expected a whole number of at least 1; got "four"',
      { CELERY_WORKER_CONCURRENCY: "four" },
    ],
    ['CELERIAC_TASK_TRACK_STARTED: expected true or false; got "perhaps"', { CELERIAC_TASK_TRACK_STARTED: "perhaps" }],
    ["CELERY_TASK_ROUTES: expected routes", { CELERY_TASK_ROUTES: "{" }],
    ["CELERY_TASK_QUEUES: expected a list of queues", { CELERY_TASK_QUEUES: "[" }],
    ['CELERIAC_BROKR_URL is unknown; did you mean "CELERIAC_BROKER_URL"?', { CELERIAC_BROKR_URL: "sqlite:x" }],
    [
      "CELERY_BROKER_URL and CELERIAC_BROKER_URL are the same option",
      { CELERY_BROKER_URL: "sqlite:a", CELERIAC_BROKER_URL: "sqlite:b" },
    ],
  ])("in the environment: %s", (message, environment) => {
    expect(() => inEnvironment(environment)).toThrow(message);
  });

  it("names the flag of the command line", () => {
    expect(() => resolveConfig({ commandLine: { workerConcurrency: "x" } })).toThrow(
      "--concurrency: expected a whole number",
    );
  });

  it("shows no secrets (S2-37)", () => {
    const layers: ConfigLayers[] = [
      { code: { broker: { password: "geheim" } } as unknown as ConfigInCode },
      { environment: { CELERY_TASK_QUEUES: '[{"name": "amqp://u:geheim@h", "x": 1}]' } },
      { environment: { CELERY_BROKER_URL: "//u:geheim@h" } },
    ];
    for (const layer of layers) {
      expect(() => resolveConfig(layer)).toThrow(ConfigError);
      expect(() => resolveConfig(layer)).not.toThrow("geheim");
    }
  });
});

describe("explainConfig", () => {
  it("tells every option's value and source", () => {
    const rows = explainConfig(resolveConfig());
    expect(rows.map(({ key }) => key)).toEqual(Object.keys(SETTINGS));
    expect(rows.find(({ key }) => key === "workerConcurrency")).toEqual({
      key: "workerConcurrency",
      value: 10,
      source: "default",
      overrides: [],
    });
  });

  it("tells where the value comes from and what it overrides, without secrets (S2-36, S2-37)", () => {
    const layers = {
      code: { broker: "amqp://u:geheim@code" },
      environment: { CELERY_BROKER_URL: "redis://:p@ss@host/0?token=geheim" },
    };
    expect(explained(layers, "broker")).toEqual({
      key: "broker",
      value: "redis://:***@host/0?token=***",
      source: "environment CELERY_BROKER_URL",
      overrides: ["code broker"],
    });
  });

  it("does not tell the sentinels' password", () => {
    const code = { brokerTransportOptions: { sentinelKwargs: { username: "u", password: "geheim" } } };
    expect(JSON.stringify(explainConfig(resolveConfig({ code })))).not.toContain("geheim");
    const wrong = { brokerTransportOptions: { sentinelKwargs: { password: "geheim", ssl: true } } } as ConfigInCode;
    expect(() => inCode(wrong)).toThrow(/unknown key "ssl"/);
    expect(() => inCode(wrong)).not.toThrow(/geheim/);
  });

  it("shows what JSON cannot hold", () => {
    const code = {
      taskRoutes: [function pick() {}, [[/^a/, "q"]], new Map([[/b/, "r"]])],
      broker: { url: "redis://:geheim@h" },
    };
    const layers = { code: code as unknown as ConfigInCode };
    expect(explained(layers, "taskRoutes")?.value).toEqual(["[function pick]", [["/^a/", "q"]], [["/b/", "r"]]]);
    expect(explained(layers, "broker")?.value).toBe("redis://:***@h");
    expect(explained(layers, "taskTimeLimit")?.value).toBeNull();
  });
});
