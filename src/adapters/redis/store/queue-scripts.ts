import { script, type Script } from "../connections/redis-link.ts";
import { KEYS, NOW, PLACES, UNIQUE_KEYS } from "./lua.ts";

/**
 * `exists(queue, added)`: whether it was declared, by us or with Celery's own bindings, or whether anything is in it apart from what this transaction has `added`: then it becomes one of ours. A queue
 * that has expired is gone, though nobody may have removed it yet. Fails where another program has something else than a list in the place of one, so that a
 * script that asks before it writes fails before it has filled other queues.
 */
export const EXISTS = `
local EXPIRING = prefix .. 'celeriac:queues:expiring'
local function ready_in(queue)
  local ready = 0
  for _, step in ipairs(STEPS) do ready = ready + redis.call('LLEN', list_of(queue, step)) end
  return ready
end

local function exists(queue, added)
  local ready = ready_in(queue) - (added or 0)
  local expires_ms = redis.call('HGET', QUEUES, queue)
  if expires_ms == '' then return true end
  if expires_ms then
    local expires_at = redis.call('ZSCORE', EXPIRING, queue)
    return not expires_at or tonumber(expires_at) > now
  end
  local is_bound = redis.call('SISMEMBER', prefix .. '_kombu.binding.' .. queue, queue .. '\\6\\22\\6\\22' .. queue) == 1
  if is_bound or ready > 0 then
    redis.call('HSET', QUEUES, queue, '')
    return true
  end
  return false
end
`;

/** `remove(queue)`: with its messages, wherever they are, its bindings and its consumers. `remove_expired()`: what has had no consumer for too long. */
const REMOVE = `
local function free_keys_in(queue)
  for _, key in ipairs(redis.call('SMEMBERS', keys_in(queue))) do
    for _, copy in ipairs(copies_of(key)) do
      if copy.queue == queue then free_copy(key, copy) end
    end
  end
end

local function forget_places(set)
  local places = redis.call('ZRANGE', set, 0, -1)
  for first = 1, #places, 1000 do
    local last = math.min(first + 999, #places)
    redis.call('HDEL', UNACKED, unpack(places, first, last))
    redis.call('ZREM', INDEX, unpack(places, first, last))
  end
  redis.call('DEL', set)
end

local function remove(queue)
  for _, step in ipairs(STEPS) do redis.call('UNLINK', list_of(queue, step)) end
  forget_places(leases_of(queue))
  forget_places(delayed_of(queue))
  free_keys_in(queue)
  local bindings = prefix .. 'celeriac:bindings:' .. queue
  local default = queue .. '\\6\\22' .. queue .. '\\6\\22\\6\\22' .. queue
  redis.call('SADD', bindings, default)
  for _, binding in ipairs(redis.call('SMEMBERS', bindings)) do
    local exchange, member = binding:match('^(.-)\\6\\22(.*)$')
    redis.call('SREM', prefix .. '_kombu.binding.' .. exchange, member)
    redis.call('SREM', prefix .. '_kombu.binding_permanent.' .. exchange, member)
  end
  redis.call('DEL', bindings, prefix .. 'celeriac:consumers:' .. queue)
  redis.call('HDEL', QUEUES, queue)
  redis.call('ZREM', EXPIRING, queue)
end

local function remove_expired()
  for _, queue in ipairs(redis.call('ZRANGEBYSCORE', EXPIRING, '-inf', now, 'LIMIT', 0, 100)) do remove(queue) end
end
`;

/** `forget_restored(set, max)`: places that are due and empty. Kombu has restored what was there, since nobody of us was there to do it. */
export const FORGET_RESTORED = `
local function forget_restored(set, max)
  for _, place in ipairs(redis.call('ZRANGEBYSCORE', set, '-inf', now, 'LIMIT', 0, max)) do
    if redis.call('HEXISTS', UNACKED, place) == 0 then redis.call('ZREM', set, place) end
  end
end
`;

/** `attendants(queue)`: how many consumers of ours take from it. What Python's do is not told by queue. */
export const ATTENDANTS = `
local function attendants(queue)
  return redis.call('ZCOUNT', prefix .. 'celeriac:consumers:' .. queue, '(' .. now, '+inf')
end
`;

/** `depth(queue)`: ready, delayed, unacked, consumers. What Python workers hold is not told by queue. */
const DEPTH = `
local function depth(queue)
  forget_restored(leases_of(queue), 1000)
  forget_restored(delayed_of(queue), 1000)
  local ready = ready_in(queue)
  local unacked = redis.call('ZCARD', leases_of(queue))
  local due = redis.call('ZCOUNT', delayed_of(queue), '-inf', now)
  local delayed = redis.call('ZCARD', delayed_of(queue)) - due
  return {ready + due, delayed, unacked, attendants(queue)}
end
`;

/** `renew_expiry(queue)`: a queue that expires lives so long after it was declared, and after its last consumer's time was up. */
const EXPIRY = `
local function renew_expiry(queue)
  local expires_ms = redis.call('HGET', QUEUES, queue)
  if not expires_ms or expires_ms == '' then return end
  local last = redis.call('ZRANGE', prefix .. 'celeriac:consumers:' .. queue, -1, -1, 'WITHSCORES')
  local used_until = math.max(now, tonumber(last[2] or 0))
  redis.call('ZADD', EXPIRING, string.format('%d', used_until + tonumber(expires_ms)), queue)
end
`;

const ALL = `${KEYS}${NOW}${PLACES}${UNIQUE_KEYS}${EXISTS}${REMOVE}${FORGET_RESTORED}${ATTENDANTS}${DEPTH}${EXPIRY}`;

/** Arguments: prefix, and in JSON the exchanges and types, the queues and their expiry, the bindings. Answers with an exchange that has another type, and that. */
export const DECLARE: Script = script(`
${ALL}
local topology = cjson.decode(ARGV[2])
local EXCHANGES = prefix .. 'celeriac:exchanges'
for _, exchange in ipairs(topology.exchanges) do
  local type = redis.call('HGET', EXCHANGES, exchange.name)
  if type and type ~= exchange.type then return {exchange.name, type, exchange.type} end
end
remove_expired()
for _, exchange in ipairs(topology.exchanges) do redis.call('HSET', EXCHANGES, exchange.name, exchange.type) end
for _, queue in ipairs(topology.queues) do
  redis.call('HSET', QUEUES, queue.name, queue.expiresMs)
  redis.call('ZREM', EXPIRING, queue.name)
  renew_expiry(queue.name)
end
for _, binding in ipairs(topology.bindings) do
  redis.call('SADD', prefix .. '_kombu.binding.' .. binding.exchange, binding.member)
  redis.call('SADD', prefix .. '_kombu.binding_permanent.' .. binding.exchange, binding.member)
  redis.call('SADD', prefix .. 'celeriac:bindings:' .. binding.queue, binding.exchange .. '\\6\\22' .. binding.member)
end
`);

/** Arguments: prefix, queues. Answers with those that exist. */
export const EXISTING: Script = script(`
${KEYS}${NOW}${EXISTS}
local found = {}
for i = 2, #ARGV do
  if exists(ARGV[i]) then found[#found + 1] = ARGV[i] end
end
return found
`);

/** Arguments: prefix, consumer, until when it is known to be there in milliseconds from now, how many queues it left, these, those that it consumes from. */
export const ATTEND: Script = script(`
${ALL}
local consumer, till = ARGV[2], string.format('%d', now + ARGV[3])
for i = 5, #ARGV do
  local consumers = prefix .. 'celeriac:consumers:' .. ARGV[i]
  if i < 5 + ARGV[4] then
    redis.call('ZREM', consumers, consumer)
  else
    redis.call('ZREMRANGEBYSCORE', consumers, '-inf', now)
    redis.call('ZADD', consumers, till, consumer)
    redis.call('PEXPIRE', consumers, 2 * ARGV[3])
  end
  renew_expiry(ARGV[i])
end
`);

/** Argument: prefix. Answers with all queues' names. */
export const QUEUE_NAMES: Script = script(`
${ALL}
remove_expired()
return redis.call('HKEYS', QUEUES)
`);

/** Arguments: prefix, queue. Answers with its depth, or with nothing. */
export const COUNT: Script = script(`
${ALL}
remove_expired()
if exists(ARGV[2]) then return depth(ARGV[2]) end
`);

/** Arguments: prefix, queue, how many delayed messages at most. Answers with how many messages are gone; 0 when none was left. */
export const PURGE: Script = script(`
${ALL}
local purged = 0
for _, step in ipairs(STEPS) do
  purged = purged + redis.call('LLEN', list_of(ARGV[2], step))
  redis.call('UNLINK', list_of(ARGV[2], step))
end
local delayed = delayed_of(ARGV[2])
local places = redis.call('ZRANGE', delayed, 0, ARGV[3] - 1)
if #places > 0 then
  redis.call('HDEL', UNACKED, unpack(places))
  redis.call('ZREM', INDEX, unpack(places))
  redis.call('ZREM', delayed, unpack(places))
end
for _, key in ipairs(redis.call('SMEMBERS', keys_in(ARGV[2]))) do
  for _, copy in ipairs(copies_of(key)) do
    if copy.queue == ARGV[2] and copy.kind ~= 'running' then free_copy(key, copy) end
  end
end
return purged + #places
`);

/** Arguments: prefix, queue, whether only an empty one, whether only an unused one. Answers with 1 where it was removed. */
export const REMOVE_QUEUE: Script = script(`
${ALL}
remove_expired()
local queue = ARGV[2]
if not exists(queue) then return 0 end
local ready, delayed, unacked, consumers = unpack(depth(queue))
if ARGV[3] == '1' and ready + delayed + unacked > 0 then return 0 end
if ARGV[4] == '1' and consumers > 0 then return 0 end
remove(queue)
return 1
`);
