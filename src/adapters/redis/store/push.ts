import { randomUUID } from "node:crypto";
import { UnroutableError } from "../../../broker/errors.ts";
import type { PushItem } from "../../../broker/queued/message-store.ts";
import type { Message } from "../../../message/message.ts";
import { script, type Command, type RedisLink } from "../connections/redis-link.ts";
import { encodeEnvelope, priorityStep } from "../envelope.ts";
import { KEYS, NOW, UNIQUE_KEYS } from "./lua.ts";
import type { StoreKeys } from "./keys.ts";
import type { OwnState } from "./own-state.ts";
import { formatPlace, unackedTail } from "./place.ts";
import { ATTEMPT, type Holders, type PushAttempts } from "./push-attempts.ts";
import { ATTENDANTS, EXISTS, FORGET_RESTORED } from "./queue-scripts.ts";

/**
 * Behind the pushes of one transaction, nothing of which anybody has seen by then: takes them back where they are not to be made. Messages that pass through Lua
 * cost half as much again. Arguments: prefix, then for each list its queue, its key, and how many messages were pushed. Answers with the first queue that does
 * not exist.
 */
const CONFIRM = `
${KEYS}${NOW}${EXISTS}${ATTEMPT}
local function verdict()
  local added = {}
  for i = 2, #ARGV, 3 do added[ARGV[i]] = (added[ARGV[i]] or 0) + ARGV[i + 2] end
  for i = 2, #ARGV, 3 do
    if not exists(ARGV[i], added[ARGV[i]]) then return {missing = ARGV[i]} end
  end
  return {isToBeMade = begin_attempt()}
end
local is_known, found = pcall(verdict)
if is_known and found.isToBeMade then return end
for i = 2, #ARGV, 3 do redis.pcall('LTRIM', ARGV[i + 1], ARGV[i + 2], -1) end
if not is_known then error(found) end
return found.missing
`;

/** So many are pushed by one command, which the server reads while the next is made. */
const PUSHED_AT_ONCE = 25;

/**
 * The same where some are delayed or hold a unique key. Arguments: prefix, how many queues, their names, then a JSON description of the items, then the
 * envelopes of all copies. Answers with the queue that does not exist, or with an array: for each item the owner of its key, or an empty text.
 *
 * What is delayed is kept until one of our consumers finds it due. Where there is none it goes into its list, if it `waits` in whatever worker takes it: a task
 * that tells its eta, and is not held for so long that Python takes its holder for dead.
 */
const PUSH_SPECIAL = script(`
${KEYS}${NOW}${EXISTS}${UNIQUE_KEYS}${FORGET_RESTORED}${ATTENDANTS}${ATTEMPT}
local count = tonumber(ARGV[2])
for i = 3, 2 + count do
  if not exists(ARGV[i]) then return ARGV[i] end
end
if not begin_attempt() then return end
-- Where Python alone consumes, nobody else does.
for i = 3, 2 + count do forget_restored(delayed_of(ARGV[i]), 10) end

-- Kombu writes an envelope anew when it puts a message back: the tag alone stays.
local function respelled(copy)
  for first = 1, redis.call('LLEN', copy.list), 100 do
    for _, envelope in ipairs(redis.call('LRANGE', copy.list, -first - 99, -first)) do
      if envelope:find(copy.tag, 1, true) then return envelope end
    end
  end
end

-- What a copy does, or that it is gone: a Python worker has finished it. Only so much of a long list is looked through.
local function state_of(copy)
  if copy.kind ~= 'waiting' then
    if redis.call('HEXISTS', UNACKED, copy.where) == 1 then return copy.kind end
  elseif redis.call('LPOS', copy.list, copy.where, 'RANK', -1, 'MAXLEN', 1000) then
    return 'waiting'
  end
  if redis.call('HEXISTS', UNACKED, copy.tag) == 1 then return 'running' end
  if redis.call('LLEN', copy.list) > 1000 then return 'waiting' end
  local envelope = respelled(copy)
  if not envelope then return 'gone' end
  copy.kind, copy.where = 'waiting', envelope
  return 'waiting'
end

local function remove_copy(key, copy)
  if copy.kind == 'waiting' then
    if redis.call('LREM', copy.list, -1, copy.where) == 0 then return end
  else
    redis.call('HDEL', UNACKED, copy.where)
    redis.call('ZREM', INDEX, copy.where)
    redis.call('ZREM', delayed_of(copy.queue), copy.where)
  end
  free_copy(key, copy)
end

-- The owner that keeps the key, or nil once it is free.
local function clear_key(unique)
  local owner = redis.call('HGET', record_of(unique.key), 'owner')
  if not owner then return nil end
  local copies, is_running = copies_of(unique.key), false
  for _, copy in ipairs(copies) do
    copy.state = state_of(copy)
    if copy.state == 'running' then is_running = true end
  end
  if owner == unique.owner then
    for _, copy in ipairs(copies) do free_copy(unique.key, copy) end
    return nil
  end
  for _, copy in ipairs(copies) do
    if copy.state == 'gone' then free_copy(unique.key, copy)
    elseif unique.replaces and not is_running then remove_copy(unique.key, copy) end
  end
  if redis.call('EXISTS', record_of(unique.key)) == 1 then return owner end
  return nil
end

local holders, at = {}, 4 + count
for number, item in ipairs(cjson.decode(ARGV[3 + count])) do
  local owner = item.unique and clear_key(item.unique)
  holders[number] = owner or ''
  for _, copy in ipairs(item.copies) do
    local envelope = ARGV[at]
    at = at + 1
    if not owner then
      local list, where, kind = list_of(copy.queue, copy.step), envelope, 'waiting'
      if item.delay > 0 and not (item.waits and attendants(copy.queue) == 0) then
        kind, where = 'delayed', copy.place
        local due = now + item.delay
        redis.call('HSET', UNACKED, where, '[' .. envelope .. copy.tail)
        redis.call('ZADD', INDEX, string.format('%.3f', due / 1000), where)
        redis.call('ZADD', delayed_of(copy.queue), string.format('%d', due), where)
      else
        redis.call('LPUSH', list, envelope)
      end
      if item.unique then
        redis.call('HSET', record_of(item.unique.key), 'owner', item.unique.owner)
        note_copy(item.unique.key, copy.tag, kind, copy.queue, list, where)
      end
    end
  end
end
end_attempt(holders)
return holders
`);

export interface PushPlace {
  readonly link: RedisLink;
  readonly keys: StoreKeys;
  readonly attempts: PushAttempts;
}

/** As `MessageStore.push`. What was pushed before, by a connection that was lost, is not pushed twice. */
export async function push(
  { link, keys, attempts }: PushPlace,
  items: readonly PushItem[],
  visibilityTimeoutMs: number,
): Promise<Holders> {
  const done = await attempts.outcomes(items);
  const wanted = items.filter((item) => !done.has(item) && item.isGivenUp?.() !== true);
  const pushed = await attempts.make(wanted, (attempt) => {
    const isPlain = wanted.every(({ delayMs, unique }) => delayMs <= 0 && unique === undefined);
    return isPlain
      ? pushPlain(link, keys, attempt, wanted)
      : pushSpecial(link, keys, attempt, wanted, visibilityTimeoutMs);
  });
  attempts.forget(items);
  if (wanted.length === items.length) return pushed;
  const holders = new Map([...done, ...wanted.map((item, index) => [item, pushed[index]] as const)]);
  return items.map((item) => holders.get(item));
}

async function pushPlain(
  link: RedisLink,
  keys: StoreKeys,
  attempt: readonly string[],
  items: readonly PushItem[],
): Promise<Holders> {
  const lists = new Map<string, QueueList>();
  for (const { message, queues } of items) {
    const step = priorityStep(message.properties.priority);
    for (const queue of queues) {
      const key = keys.list(queue, step);
      const list = lists.get(key);
      if (list === undefined) lists.set(key, { queue, key, messages: [message] });
      else list.messages.push(message);
    }
  }
  const replies = await link.transaction(pushCommands(keys, attempt, [...lists.values()]));
  const missing = replies.at(-1);
  if (typeof missing === "string") throw new UnroutableError("", missing);
  return items.map(() => undefined);
}

/** One of the lists of a queue, and what goes into it. */
interface QueueList {
  readonly queue: string;
  readonly key: string;
  readonly messages: Message[];
}

function* pushCommands(
  keys: StoreKeys,
  attempt: readonly string[],
  lists: readonly QueueList[],
): Generator<Command, void> {
  for (const { queue, key, messages } of lists) {
    for (let first = 0; first < messages.length; first += PUSHED_AT_ONCE) {
      const envelopes = messages
        .slice(first, first + PUSHED_AT_ONCE)
        .map((message) => encodeEnvelope(message, { exchange: "", routingKey: queue, deliveryTag: randomUUID() }));
      yield ["LPUSH", key, ...envelopes];
    }
  }
  const pushed = lists.flatMap(({ queue, key, messages }) => [queue, key, messages.length]);
  yield ["EVAL", CONFIRM, attempt.length, ...attempt, keys.prefix, ...pushed];
}

async function pushSpecial(
  link: RedisLink,
  keys: StoreKeys,
  attempt: readonly string[],
  items: readonly PushItem[],
  visibilityTimeoutMs: number,
): Promise<Holders> {
  const queues = new Set(items.flatMap((item) => item.queues));
  const copies = items.map(copiesOf);
  const described = items.map(({ delayMs, unique, message }, index) => ({
    delay: Math.max(0, Math.ceil(delayMs)),
    waits: typeof message.headers["eta"] === "string" && delayMs <= visibilityTimeoutMs / 2,
    unique: unique && {
      key: unique.key,
      owner: message.properties.correlationId ?? "",
      replaces: unique.onDuplicate === "replace",
    },
    copies: copies[index]?.map(({ envelope: _, ...copy }) => copy),
  }));
  const envelopes = copies.flat().map(({ envelope }) => envelope);
  const args = [keys.prefix, queues.size, ...queues, JSON.stringify(described), ...envelopes];
  const answer = await link.script(PUSH_SPECIAL, attempt, args);
  if (typeof answer === "string") throw new UnroutableError("", answer);
  return (answer as readonly string[]).map((owner) => (owner === "" ? undefined : owner));
}

/** What the script is to know of one message in one queue. */
interface Copy {
  readonly queue: string;
  readonly step: string;
  readonly tag: string;
  readonly place: string;
  /** What follows the envelope where it is kept until it is due. */
  readonly tail: string;
  readonly envelope: string;
}

function copiesOf({ message, queues, unique }: PushItem): readonly Copy[] {
  const step = priorityStep(message.properties.priority);
  const own: OwnState | undefined = unique && { unique: { key: unique.key, until: unique.until } };
  return queues.map((queue) => {
    const tag = randomUUID();
    return {
      queue,
      step: String(step),
      tag,
      place: formatPlace({ id: tag, step, queue, key: unique?.key }),
      tail: unackedTail(queue),
      envelope: encodeEnvelope(message, { exchange: "", routingKey: queue, deliveryTag: tag }, own),
    };
  });
}
