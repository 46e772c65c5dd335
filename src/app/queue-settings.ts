import type { ExchangeType } from "../routing/topology.ts";
import type { QueueBinding, ResolvedQueue } from "./config.ts";
import { listFromText, oneOf, properties, refuse, structure, text, wholeNumber } from "./setting-kinds.ts";
import type { SettingKind } from "./setting-kinds.ts";

export const exchangeType: SettingKind<ExchangeType> = oneOf(["direct", "topic", "fanout"]);

/** A queue as far as `taskQueues` describes it; the rest follows from the defaults. */
export interface GivenQueue {
  readonly name: string;
  readonly exchange: string | undefined;
  readonly exchangeType: ExchangeType | undefined;
  readonly routingKey: string | undefined;
  readonly bindings: readonly QueueBinding[];
  readonly expiresMs: number | undefined;
}

/** A list of names and queues, or Celery's old map from names to queues. */
export const queueList: SettingKind<readonly GivenQueue[]> = {
  ...structure(
    "a list of queues, each a name or { name, exchange, exchangeType, routingKey, bindings, expiresMs }",
    readQueues,
  ),
  fromText: listFromText,
};

/** What Celery calls a queue's defaults: `celery/app/amqp.py:Queues._add`. */
export interface QueueDefaults {
  readonly exchange: string;
  readonly exchangeType: ExchangeType;
  readonly routingKey: string;
}

/**
 * Unlike Celery, a queue behind a direct exchange is bound by its own name when no key is given: by the default key, a
 * message to the default exchange would be copied to every such queue.
 */
export function completeQueue(given: GivenQueue, defaults: QueueDefaults): ResolvedQueue {
  const type = given.exchangeType ?? defaults.exchangeType;
  return {
    name: given.name,
    exchange: given.exchange ?? defaults.exchange,
    exchangeType: type,
    routingKey: given.routingKey ?? (type === "direct" ? given.name : defaults.routingKey),
    bindings: given.bindings,
    expiresMs: given.expiresMs,
  };
}

function readQueues(value: unknown): readonly GivenQueue[] {
  const queues = Array.isArray(value) ? value.map(readQueue) : queuesByName(value);
  const names = queues.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  return twice === undefined ? queues : refuse(`queue "${twice}" is declared twice`);
}

function queuesByName(value: unknown): readonly GivenQueue[] {
  if (typeof value !== "object" || value === null) return refuse();
  return Object.entries(value).map(([name, queue]) => readQueue({ ...(queue as object | null), name }));
}

function readQueue(value: unknown): GivenQueue {
  const queue = typeof value === "string" ? { name: value } : properties(value, QUEUE_KEYS);
  const { name, bindings = [], expiresMs, exchange, exchangeType: type, routingKey, bindingKey } = queue;
  return {
    name: text.read(name),
    exchange: optional(text, exchange),
    exchangeType: optional(exchangeType, type),
    routingKey: optional(anyText, routingKey ?? bindingKey),
    bindings: Array.isArray(bindings) ? bindings.map(readBinding) : refuse("bindings is not a list"),
    expiresMs: optional(wholeNumber(1), expiresMs),
  };
}

/** `binding_key` is the old name of a queue's routing key. */
const QUEUE_KEYS = ["name", "exchange", "exchangeType", "routingKey", "bindingKey", "bindings", "expiresMs"] as const;

function readBinding(value: unknown): QueueBinding {
  const { exchange, routingKey = "" } = properties(value, ["exchange", "routingKey"]);
  return { exchange: text.read(exchange), routingKey: anyText.read(routingKey) };
}

/** A routing key may be empty. */
const anyText: SettingKind<string> = { ...text, read: (value) => (typeof value === "string" ? value : refuse()) };

function optional<T>(kind: SettingKind<T>, value: unknown): T | undefined {
  return value === undefined ? undefined : kind.read(value);
}
