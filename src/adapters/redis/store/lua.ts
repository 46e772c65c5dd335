/** What the scripts have in common: pieces of Lua to stand in front of a script's own text. */

/** `now`: milliseconds since the epoch, by the server's clock. */
export const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

/** The names of keys, as in keys.ts. They begin with the script's first argument. */
export const KEYS = `
local prefix = ARGV[1]
local UNACKED, INDEX = prefix .. 'unacked', prefix .. 'unacked_index'
local QUEUES = prefix .. 'celeriac:queues'
local STEPS = {'0', '3', '6', '9'}
local function list_of(queue, step)
  if step == '0' then return prefix .. queue end
  return prefix .. queue .. '\\6\\22' .. step
end
local function leases_of(queue) return prefix .. 'celeriac:leases:' .. queue end
local function delayed_of(queue) return prefix .. 'celeriac:delayed:' .. queue end
`;

/** Takes apart what place.ts puts together. */
export const PLACES = `
local function parts_of(place)
  local step, length, rest = place:match('^[%w-]+:(%d)#?(%d*):(.*)$')
  if length == '' then return step, rest, nil end
  return step, rest:sub(1, tonumber(length)), rest:sub(tonumber(length) + 1)
end
local function envelope_in(value)
  local tail = value:match('.*(),"","')
  return value:sub(2, tail - 1)
end
`;

/**
 * Who holds which unique key. A record is a hash: the correlation id of the `owner`, and for each copy of its message, by the delivery tag with an `@`,
 * where that is: `["waiting", queue, list, envelope]`, `["delayed", queue, list, place]` or `["running", queue, list, place]`. Beside it, a set for each queue
 * tells which keys are held in it, so that emptying the queue can free them. A copy that a Python worker takes and finishes frees nothing: `clear_key`
 * finds that out when somebody else wants the key, and the record expires after a month should nobody.
 */
export const UNIQUE_KEYS = `
local MONTH = 30 * 86400000
local function record_of(key) return prefix .. 'celeriac:unique:' .. key end
local function keys_in(queue) return prefix .. 'celeriac:unique-in:' .. queue end

local function note_copy(key, tag, kind, queue, list, where)
  redis.call('HSET', record_of(key), '@' .. tag, cjson.encode({kind, queue, list, where}))
  redis.call('PEXPIRE', record_of(key), MONTH)
  redis.call('SADD', keys_in(queue), key)
  redis.call('PEXPIRE', keys_in(queue), MONTH)
end

local function copies_of(key)
  local copies, fields = {}, redis.call('HGETALL', record_of(key))
  for i = 1, #fields, 2 do
    if fields[i]:sub(1, 1) == '@' then
      local kind, queue, list, where = unpack(cjson.decode(fields[i + 1]))
      copies[#copies + 1] = {tag = fields[i]:sub(2), kind = kind, queue = queue, list = list, where = where}
    end
  end
  return copies
end

local function free_copy(key, copy)
  redis.call('HDEL', record_of(key), '@' .. copy.tag)
  redis.call('SREM', keys_in(copy.queue), key)
  if redis.call('HLEN', record_of(key)) <= 1 then redis.call('DEL', record_of(key)) end
end

local function copy_at(key, place)
  for _, copy in ipairs(copies_of(key)) do
    if copy.where == place then return copy end
  end
end

local function free_key(key, place)
  local copy = copy_at(key, place)
  if copy then free_copy(key, copy) end
end

local function move_copy(key, place, kind, list, where)
  local copy = copy_at(key, place)
  if copy then note_copy(key, copy.tag, kind, copy.queue, list, where) end
end
`;

/**
 * What becomes of a message that is in a place: it goes, or it goes back into its list. A script that fails is not undone, so a message is put where it goes before it
 * is taken from where it was. PEXPIRE, which needs no memory, comes first of all: a server that is full refuses a script at its first write alone, and what makes
 * room must go on.
 */
export const MOVES = `
redis.call('PEXPIRE', prefix .. 'celeriac:seen', 86400000)

local function is_held(place) return redis.call('HEXISTS', UNACKED, place) == 1 end

-- Calls act(place, number of the argument) for those that are held of every so many arguments ('width') from the first on; returns the others.
local function with_held(first, width, act)
  local lost = {}
  for i = first, #ARGV, width do
    if is_held(ARGV[i]) then act(ARGV[i], i) else lost[#lost + 1] = ARGV[i] end
  end
  return lost
end

local function leave(place, queue)
  redis.call('HDEL', UNACKED, place)
  redis.call('ZREM', INDEX, place)
  redis.call('ZREM', leases_of(queue), place)
end

local function put_back(push, place, envelope)
  local step, queue, key = parts_of(place)
  local list = list_of(queue, step)
  redis.call(push, list, envelope)
  leave(place, queue)
  if key then move_copy(key, place, 'waiting', list, envelope) end
end
`;

/**
 * `truce`: until when nobody takes anything from those whose leases ran out, in milliseconds. Where neither a take nor a renewal was seen for a while, the server
 * was away, and the living have not been able to renew. A key tells both: the last look, and the end of the truce; after a day without any, all are dead.
 */
export const TRUCE = `
local AWAY_MS, TRUCE_MS, DAY_MS = 10000, 10000, 86400000
local SEEN = prefix .. 'celeriac:seen'
local last_look, truce = (redis.call('GET', SEEN) or (now .. ' 0')):match('^(%d+) (%d+)$')
truce = tonumber(truce)
if now - last_look > AWAY_MS then truce = now + TRUCE_MS end
redis.call('SET', SEEN, string.format('%d %d', now, truce), 'PX', DAY_MS)
`;
