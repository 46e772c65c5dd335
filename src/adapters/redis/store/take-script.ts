import { script, type Script } from "../connections/redis-link.ts";
import { KEYS, MOVES, NOW, PLACES, TRUCE, UNIQUE_KEYS } from "./lua.ts";

/**
 * Takes up to `max` messages out of the lists and notes them as handed out, in one step: whoever dies at whatever instant, a message is in a list or among
 * what is handed out. Kombu pops first and notes afterwards.
 *
 * Arguments: prefix, a unique id of this call, `max`, how long the leases last in milliseconds, Kombu's visibility timeout in seconds, how many keys are only to
 * be looked for, these keys, then in the order of their turn each queue's name, and what stands behind an envelope of it in the hash of what is handed out. The
 * answer is one of
 *
 * - `["forgotten", …name in the hash]`: these are older than the visibility timeout; nothing was taken
 * - `["lapsed", …place, end of its lease in ms]`: these are to be taken from the dead first; nothing was taken
 * - `["none", milliseconds until something may be due, or -1]`
 * - `["taken", first fence, […number of the queue, how many], places, envelopes, [of each key that is looked for 1 if there is one]]`
 */
export const TAKE: Script = script(`
${KEYS}${NOW}${PLACES}${UNIQUE_KEYS}${MOVES}${TRUCE}
local id, max, lease_ms, visible_s = ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local FIRST = 7 + ARGV[6]
local next_due = -1

-- Whether the first of a sorted set is due, and the time for it has come.
local function is_due(set, from)
  local first = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')
  if not first[2] then return false end
  local left = math.max(tonumber(first[2]), from) - now
  if left <= 0 then return true end
  if next_due < 0 or left < next_due then next_due = left end
  return false
end

local lapsed = {'lapsed'}
for i = FIRST, #ARGV, 2 do
  if is_due(leases_of(ARGV[i]), truce) then
    local found = redis.call('ZRANGEBYSCORE', leases_of(ARGV[i]), '-inf', now, 'WITHSCORES', 'LIMIT', 0, 100)
    for j = 1, #found do lapsed[#lapsed + 1] = found[j] end
  end
end
if #lapsed > 1 then return lapsed end

if now >= truce then
  local forgotten = redis.call('ZRANGEBYSCORE', INDEX, '-inf', now / 1000 - visible_s, 'LIMIT', 0, 10)
  if #forgotten > 0 then return {'forgotten', unpack(forgotten)} end
end

-- Puts what is due at the end of its lists. Were it all of 50,000 at one instant, it would stall the server.
local function promote(queue, tail)
  local due = redis.call('ZRANGEBYSCORE', delayed_of(queue), '-inf', now, 'LIMIT', 0, math.min(math.max(max, 100), 1000))
  local values, lists, with_key = redis.call('HMGET', UNACKED, unpack(due)), {}, {}
  for i, place in ipairs(due) do
    if values[i] then
      local step, _, key = parts_of(place)
      local list, envelope = list_of(queue, step), values[i]:sub(2, -#tail - 1)
      lists[list] = lists[list] or {}
      table.insert(lists[list], envelope)
      if key then with_key[#with_key + 1] = {key, place, list, envelope} end
    end
  end
  for list, envelopes in pairs(lists) do redis.call('LPUSH', list, unpack(envelopes)) end
  redis.call('HDEL', UNACKED, unpack(due))
  redis.call('ZREM', INDEX, unpack(due))
  redis.call('ZREM', delayed_of(queue), unpack(due))
  for _, moved in ipairs(with_key) do move_copy(moved[1], moved[2], 'waiting', moved[3], moved[4]) end
end

for i = FIRST, #ARGV, 2 do
  if is_due(delayed_of(ARGV[i]), 0) then
    promote(ARGV[i], ARGV[i + 1])
    if is_due(delayed_of(ARGV[i]), 0) then next_due = 0 end
  end
end

-- The key that a message holds from now on, if it has one. Anybody may have written the envelope.
local function start_key(envelope, place)
  -- The last of these names are the envelope's own. The whole is not decoded: a long body takes its time, and half of a character in a header is an error.
  local own, tag = envelope:match('^.*"celeriac": ?(.*)}$'), envelope:match('^.*"delivery_tag": ?"([^"]*)"')
  local unique = cjson.decode(own).unique
  local copy = redis.call('HGET', record_of(unique.key), '@' .. tag)
  if not copy then return nil end
  local _, queue, list = unpack(cjson.decode(copy))
  if unique['until'] == 'start' then
    free_copy(unique.key, {tag = tag, queue = queue})
    return nil
  end
  note_copy(unique.key, tag, 'running', queue, list, place(unique.key))
  return unique.key
end

local last = tonumber(redis.call('GET', prefix .. 'celeriac:fence') or '0')
local fence = math.max(last, time[1] * 1000000 + time[2]) + 1

local places, taken, sources = {}, {}, {}
local held_until, lease_end = string.format('%d', (now + lease_ms) / 1000), string.format('%d', now + lease_ms)

local function hand_out(queue, tail, step, envelopes)
  local values, index, leases, n = {}, {}, {}, 0
  local start, first, finish = 'celeriac-' .. id .. '-', fence + #taken - 1, ':' .. step .. ':' .. queue
  for i = 1, #envelopes do
    local envelope = envelopes[#envelopes + 1 - i]
    local call = start .. string.format('%d', first + i)
    local place = call .. finish
    -- What has a unique key ends so: see own-state.ts.
    if envelope:sub(-3) == '}}}' then
      local function with_key(key) return call .. ':' .. step .. '#' .. #queue .. ':' .. queue .. key end
      local is_readable, key = pcall(start_key, envelope, with_key)
      if is_readable and key then place = with_key(key) end
    end
    places[#places + 1], taken[#taken + 1] = place, envelope
    values[n + 1], values[n + 2] = place, '[' .. envelope .. tail
    index[n + 1], index[n + 2] = held_until, place
    leases[n + 1], leases[n + 2] = lease_end, place
    n = n + 2
  end
  redis.call('HSET', UNACKED, unpack(values))
  redis.call('ZADD', INDEX, unpack(index))
  redis.call('ZADD', leases_of(queue), unpack(leases))
end

for _, step in ipairs(STEPS) do
  for i = FIRST, #ARGV, 2 do
    local list, more = list_of(ARGV[i], step), true
    while more and #taken < max do
      -- unpack takes some thousands at most
      local envelopes = redis.call('LRANGE', list, -math.min(max - #taken, 1000), -1)
      more = #envelopes > 0
      if more then
        hand_out(ARGV[i], ARGV[i + 1], step, envelopes)
        redis.call('LTRIM', list, 0, -#envelopes - 1)
        sources[#sources + 1], sources[#sources + 2] = (i - FIRST) / 2, #envelopes
      end
    end
  end
end
if #taken == 0 then return {'none', next_due} end

redis.call('SET', prefix .. 'celeriac:fence', string.format('%d', fence + #taken - 1))
local found = {}
for i = 7, FIRST - 1 do found[#found + 1] = redis.call('EXISTS', ARGV[i]) end
return {'taken', string.format('%d', fence), sources, places, taken, found}
`);
