import { availableParallelism } from "node:os";
import { CeleriacError, toError } from "../util/errors.ts";
import { maskSecrets } from "../util/mask-url.ts";
import { ConfigError } from "./config-error.ts";
import { INSTEAD, lackingSetting, snakeCase, spellingsOf } from "./celery-settings.ts";
import type { CelerySettings } from "./celery-settings.ts";
import type { CeleriacConfig, PoolName, ResolvedConfig } from "./config.ts";
import { isUnset, refuseMisspelt } from "./environment.ts";
import type { Environment } from "./environment.ts";
import { deepFreeze } from "./deep-freeze.ts";
import { completeQueue } from "./queue-settings.ts";
import { hint } from "./setting-kinds.ts";
import { SETTINGS } from "./settings.ts";
import type { Setting, SettingKey, SettingValues } from "./settings.ts";
import { shown } from "./show-value.ts";

/** Our names, Celery's, or some of both. */
export type ConfigInCode = CeleriacConfig | (CeleriacConfig & CelerySettings);

/** What was said about the configuration, in each place where it can be. */
export interface ConfigLayers {
  readonly code?: ConfigInCode;
  readonly environment?: Environment;
  /** By our own names; a value is text as it was typed, or what a text would be read as. */
  readonly commandLine?: Readonly<Partial<Record<SettingKey, unknown>>>;
}

export interface Resolution {
  readonly config: ResolvedConfig;
  readonly sources: ReadonlyMap<SettingKey, ValueSource>;
}

/** Where a value was given. */
export interface ValueOrigin {
  readonly source: "default" | "code" | "environment" | "command line";
  /** The name it was given under: `CELERY_BROKER_URL`, `--broker`, `task_default_queue`. */
  readonly name: string;
}

export interface ValueSource extends ValueOrigin {
  /** Where else it was given, to no effect. */
  readonly overrides: readonly ValueOrigin[];
}

/** The command line beats the environment, which beats the code, which beats the defaults. Throws ConfigError. */
export function resolveConfig(layers: ConfigLayers = {}): Resolution {
  const found = [
    fromCommandLine(layers.commandLine ?? {}),
    fromEnvironment(layers.environment ?? {}),
    fromCode({ ...layers.code }),
  ];
  const values: Partial<Record<SettingKey, unknown>> = {};
  const sources = new Map<SettingKey, ValueSource>();
  for (const key of KEYS) {
    const [given, ...overridden] = found.flatMap((layer) => layer.get(key) ?? []);
    const { source, name } = given ?? { source: "default", name: key };
    values[key] = given === undefined ? SETTINGS[key].fallback : given.value;
    sources.set(key, {
      source,
      name,
      overrides: overridden.map((other) => ({ source: other.source, name: other.name })),
    });
  }
  return { config: complete(values as SettingValues, sources), sources };
}

const INLINE_CONCURRENCY = 10;

const KEYS = Object.keys(SETTINGS) as readonly SettingKey[];

interface Given extends ValueOrigin {
  readonly value: unknown;
}
type Layer = ReadonlyMap<SettingKey, Given>;

function fromCode(code: Readonly<Record<string, unknown>>): Layer {
  const layer = new Map<SettingKey, Given>();
  for (const [name, value] of Object.entries(code)) {
    if (value === undefined) continue;
    const key = CODE_NAMES.get(name) ?? refuseKey(name);
    refuseTwice(key, name, layer.get(key));
    layer.set(key, { source: "code", name, value: read(key, name, value) });
  }
  return layer;
}

function fromEnvironment(environment: Environment): Layer {
  const layer = new Map<SettingKey, Given>();
  for (const [name, key] of VARIABLES) {
    const given = environment[name];
    if (isUnset(given)) continue;
    const earlier = layer.get(key);
    if (earlier !== undefined && environment[earlier.name] === given) continue;
    refuseTwice(key, name, earlier);
    layer.set(key, { source: "environment", name, value: readText(key, name, given) });
  }
  refuseMisspelt(environment, new Set(VARIABLES.keys()));
  return layer;
}

function fromCommandLine(commandLine: Readonly<Record<string, unknown>>): Layer {
  const layer = new Map<SettingKey, Given>();
  for (const [given, value] of Object.entries(commandLine)) {
    if (value === undefined) continue;
    const key = KEYS.find((known) => known === given) ?? refuseKey(given);
    const name = setting(key).flag ?? key;
    layer.set(key, {
      source: "command line",
      name,
      value: typeof value === "string" ? readText(key, name, value) : read(key, name, value),
    });
  }
  return layer;
}

function setting(key: SettingKey): Setting<unknown> {
  return SETTINGS[key];
}

/** `task_default_queue` of `taskDefaultQueue`. */
export function celeryNameOf(key: SettingKey): string {
  return setting(key).celeryName ?? snakeCase(key);
}

const CODE_NAMES: ReadonlyMap<string, SettingKey> = new Map(
  KEYS.flatMap((key) => [key, ...spellingsOf(celeryNameOf(key))].map((name) => [name, key])),
);

const VARIABLES: ReadonlyMap<string, SettingKey> = new Map(
  KEYS.flatMap((key) => variablesOf(key).map((name) => [name, key])),
);

function variablesOf(key: SettingKey): readonly string[] {
  const names = new Set([
    celeryNameOf(key).toUpperCase(),
    snakeCase(key).toUpperCase(),
    ...(setting(key).variables ?? []),
  ]);
  return [...names].flatMap((name) => [`CELERY_${name}`, `CELERIAC_${name}`]);
}

function refuseKey(name: string): never {
  const lacking = lackingSetting(name);
  if (lacking === undefined)
    throw new ConfigError(`The option "${name}" is unknown${hint(name, CODE_NAMES.keys()) || "."}`);
  const instead = INSTEAD.get(lacking);
  const also = name === lacking ? "" : ` (${lacking})`;
  throw new ConfigError(
    `Celeriac does not have Celery's setting ${name}${also}${instead === undefined ? "" : `: ${instead}`}.`,
  );
}

function refuseTwice(key: SettingKey, name: string, earlier: Given | undefined): void {
  if (earlier === undefined) return;
  throw new ConfigError(
    `${earlier.name} and ${name} are the same option, ${key}, and it is given twice in the ${earlier.source}.`,
  );
}

function readText(key: SettingKey, name: string, given: string): unknown {
  return reading(key, name, given, () => setting(key).kind.read(setting(key).kind.fromText(given)));
}

function read(key: SettingKey, name: string, given: unknown): unknown {
  return reading(key, name, given, () => setting(key).kind.read(given));
}

function reading(key: SettingKey, name: string, given: unknown, body: () => unknown): unknown {
  try {
    return body();
  } catch (cause) {
    throw new ConfigError(`${name}: ${maskSecrets(complaint(setting(key).kind.expected, given, cause))}`, { cause });
  }
}

/** An error of ours says itself which part of the value is at fault. */
function complaint(expected: string, given: unknown, cause: unknown): string {
  const { message } = toError(cause);
  if (cause instanceof CeleriacError) return message;
  return `expected ${expected}; got ${showGiven(given)}${message === "" ? "" : ` (${message})`}.`;
}

/** Bounded: it may be anything. */
function showGiven(given: unknown): string {
  const text = JSON.stringify(shown(given));
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

/** Inline tasks share one processor, and mostly wait. */
function defaultConcurrency(pool: PoolName): number {
  return pool === "inline" ? INLINE_CONCURRENCY : availableParallelism();
}

/** Fills in what follows from other options. */
function complete(values: SettingValues, sources: Resolution["sources"]): ResolvedConfig {
  const { taskSoftTimeLimit, taskTimeLimit, taskDefaultQueue } = values;
  if (taskSoftTimeLimit !== undefined && taskTimeLimit !== undefined && taskSoftTimeLimit > taskTimeLimit) {
    const [soft, hard] = [sources.get("taskSoftTimeLimit")?.name, sources.get("taskTimeLimit")?.name];
    throw new ConfigError(`${soft} (${taskSoftTimeLimit} s) must not be longer than ${hard} (${taskTimeLimit} s).`);
  }
  const exchange = values.taskDefaultExchange ?? taskDefaultQueue;
  const routingKey = values.taskDefaultRoutingKey ?? taskDefaultQueue;
  const defaults = { exchange, exchangeType: values.taskDefaultExchangeType, routingKey };
  const { broker, resultBackend, ...data } = values;
  return Object.freeze({
    ...deepFreeze({
      ...data,
      taskDefaultExchange: exchange,
      taskDefaultRoutingKey: routingKey,
      workerConcurrency: values.workerConcurrency ?? defaultConcurrency(values.workerPool),
      taskQueues: values.taskQueues.map((queue) => completeQueue(queue, defaults)),
    }),
    broker,
    resultBackend,
  });
}
