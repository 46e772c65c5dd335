import { TopologyMismatchError } from "../../../broker/errors.ts";
import type { StoreDepth, StoredExchange } from "../../../broker/queued/message-store.ts";
import type { Binding, Exchange, ExchangeType, Queue, Topology } from "../../../routing/topology.ts";
import type { RedisLink } from "../connections/redis-link.ts";
import { SEPARATOR, type StoreKeys } from "./keys.ts";
import { COUNT, DECLARE, EXISTING, PURGE, QUEUE_NAMES, REMOVE_QUEUE } from "./queue-scripts.ts";

/** Exclusive queues go with the broker object that declared them; should that be killed, then after so long without a consumer. */
const ABANDONED_AFTER_MS = 3_600_000;

/** Delayed messages purged in one step: it keeps others waiting for some milliseconds. */
const PURGED_AT_ONCE = 5_000;

/** Keys of Kombu's, of results and of ours: with a list in their place, or they in a queue's, nothing there would work. */
const RESERVED = /^(?:unacked(?:_index|_mutex)?$|_kombu\.|celeriac:|celery-task-meta-|celery-taskset-meta-)/;

export async function declare(link: RedisLink, keys: StoreKeys, topology: Topology): Promise<void> {
  const { exchanges = [], queues = [], bindings = [] } = topology;
  for (const { name } of queues)
    if (RESERVED.test(name))
      throw new TypeError(`A queue in Redis cannot be called "${name}": that key is not a queue's.`);
  const types = new Map(exchanges.map(({ name, type }) => [name, type]));
  for (const { exchange } of bindings)
    if (!types.has(exchange)) types.set(exchange, await typeOf(link, keys, exchange));
  const described = {
    exchanges: exchanges.map(({ name, type }: Exchange) => ({ name, type })),
    queues: queues.map((queue) => ({ name: queue.name, expiresMs: expiryOf(queue) })),
    bindings: bindings.map((binding) => ({ ...binding, member: memberOf(binding, types.get(binding.exchange)) })),
  };
  const mismatch = await link.script(DECLARE, [], [keys.prefix, JSON.stringify(described)]);
  if (mismatch === null) return;
  const [name, existing, declared] = mismatch as readonly [string, string, string];
  throw new TopologyMismatchError(`Exchange "${name}"`, existing, declared);
}

/** Also one that Python alone has declared: its bindings tell of what type it is, where that makes a difference. */
export async function exchange(link: RedisLink, keys: StoreKeys, name: string): Promise<StoredExchange | undefined> {
  const [type, members] = (await link.pipeline([
    ["HGET", keys.exchanges, name],
    ["SMEMBERS", keys.bindings(name)],
  ])) as [ExchangeType | null, readonly string[]];
  if (type === null && members.length === 0) return undefined;
  const parts = members.map((member) => member.split(SEPARATOR));
  const bindings = parts.map(([routingKey = "", , queue = ""]) => ({ exchange: name, queue, routingKey }));
  return { type: type ?? (parts.some(([, pattern]) => pattern !== "") ? "topic" : "direct"), bindings };
}

export async function existing(
  link: RedisLink,
  keys: StoreKeys,
  queues: readonly string[],
): Promise<ReadonlySet<string>> {
  return new Set((await link.script(EXISTING, [], [keys.prefix, ...new Set(queues)])) as readonly string[]);
}

export async function queueNames(link: RedisLink, keys: StoreKeys): Promise<readonly string[]> {
  return (await link.script(QUEUE_NAMES, [], [keys.prefix])) as readonly string[];
}

export async function count(link: RedisLink, keys: StoreKeys, queue: string): Promise<StoreDepth | undefined> {
  const depth = await link.script(COUNT, [], [keys.prefix, queue]);
  if (depth === null) return undefined;
  const [ready, delayed, unacked, consumers] = depth as readonly [number, number, number, number];
  return { ready, delayed, unacked, consumers };
}

export async function purge(link: RedisLink, keys: StoreKeys, queue: string): Promise<number> {
  for (let purged = 0; ;) {
    const some = Number(await link.script(PURGE, [], [keys.prefix, queue, PURGED_AT_ONCE]));
    if (some === 0) return purged;
    purged += some;
  }
}

export async function remove(
  link: RedisLink,
  keys: StoreKeys,
  queue: string,
  { ifEmpty, ifUnused }: { readonly ifEmpty: boolean; readonly ifUnused: boolean },
): Promise<boolean> {
  return (await link.script(REMOVE_QUEUE, [], [keys.prefix, queue, Number(ifEmpty), Number(ifUnused)])) === 1;
}

/** As text; empty for a queue that does not expire. */
function expiryOf({ expiresMs, exclusive }: Queue): string {
  const expiry = expiresMs ?? (exclusive === true ? ABANDONED_AFTER_MS : undefined);
  return expiry === undefined ? "" : String(expiry);
}

async function typeOf(link: RedisLink, keys: StoreKeys, name: string): Promise<ExchangeType> {
  return (await exchange(link, keys, name))?.type ?? "direct";
}

/** Kombu: `redis.py:Channel._queue_bind`. */
function memberOf({ queue, routingKey }: Binding, type: ExchangeType | undefined): string {
  return [routingKey, type === "topic" ? topicPattern(routingKey) : "", queue].join(SEPARATOR);
}

/** Kombu: `virtual/exchange.py:TopicExchange.key_to_pattern`, by which Python routes. */
function topicPattern(routingKey: string): string {
  const words = routingKey.split(".").map((word) => WILDCARDS[word] ?? word.replace(/[^\w*#]/gu, "\\$&"));
  return `^${words.join("\\.")}$`;
}

const WILDCARDS: Readonly<Record<string, string>> = { "*": "[^\\.]+", "#": ".*?" };
