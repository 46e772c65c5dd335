import { script, type Script } from "./connections/redis-link.ts";
import { NOW } from "./store/lua.ts";

/** A chord is looked at again after this time at the latest, in milliseconds: Python's members tell nobody that they came. */
const LONGEST_LOOK_MS = 3_600_000;
/** Where no worker looks, chords are forgotten after this time, in milliseconds. */
const WATCHED_MS = 2_592_000_000;

/** What is no further apart happened at once, in milliseconds: a server may look at its clock more than once in a script. */
const AT_ONCE_MS = 100;

/** The names of a chord's keys, as `ChordKeys` lists them, and behind them `ResultKeys.watched`. */
const CHORD = `local parts, added, size, places, claim, group, watch, body, additions, watched = unpack(KEYS)`;

/** What is not there does not mind. A member prolongs what Celery's do, and `watch`; who looks prolongs all. */
const PROLONG = `
local function prolong(life)
  for _, key in ipairs({parts, added, size, places, group, watch, body, additions}) do redis.call('PEXPIRE', key, life) end
end`;

const SET_DEADLINE = `
local function set_deadline(chord, life, deadline, signature, root)
  redis.call('SET', watch, life, 'PX', life)
  redis.call('DEL', body)
  redis.call('ZREM', watched, chord)
  if deadline ~= '' then
    redis.call('HSET', body, 'deadline', deadline, 'signature', signature, 'root', root, 'came', redis.call('ZCARD', parts), 'looked', now)
    redis.call('ZREMRANGEBYSCORE', watched, '-inf', now - ${WATCHED_MS})
    redis.call('ZADD', watched, now + math.min(deadline, ${LONGEST_LOOK_MS}), chord)
    redis.call('PEXPIRE', watched, ${WATCHED_MS})
  end
  prolong(life)
end`;

/** A chord that was over has left nothing but its claim, and members that came again. */
export const BEGIN: Script = script(`
${NOW}${CHORD}${PROLONG}${SET_DEADLINE}
local count, chord, life, deadline, signature, root = unpack(ARGV)
if redis.call('GET', claim) == 'done' then redis.call('DEL', parts, places) end
redis.call('SET', size, count)
redis.call('DEL', claim)
set_deadline(chord, life, deadline, signature, root)
`);

/** PEXPIRE comes first for the sake of full servers: see `storeResults`. */
export const WATCH: Script = script(`
${NOW}${CHORD}${PROLONG}${SET_DEADLINE}
local chord, life, deadline, signature, root = unpack(ARGV)
if redis.call('GET', claim) == 'done' or redis.call('EXISTS', watch) == 1 then return end
redis.call('PEXPIRE', parts, life)
set_deadline(chord, life, deadline, signature, root)
`);

/** Celery: `celery/backends/redis.py:RedisBackend.add_to_chord`, and each once. */
export const GROW: Script = script(`
${CHORD}${PROLONG}
if redis.call('GET', claim) == 'done' then return end
for index = 2, #ARGV do
  if redis.call('SADD', additions, ARGV[index]) == 1 then redis.call('INCR', added) end
end
prolong(redis.call('GET', watch) or ARGV[1])
`);

/**
 * What Celery 5.7 does, so that its members and ours count together. Older Celery keeps neither places nor claims: one of its members is
 * known by its part alone, and the places outlive a chord that it ends. Python begins a chord anew when some of its members may have come already: who comes
 * to one that is over is kept for as long as that is remembered. Answers how the chord stands, and with its parts when it is complete
 * and this member's. PEXPIRE comes first for the sake of full servers: see `storeResults`.
 */
export const JOIN: Script = script(`
local parts, added, size, places, claim, group, watch = unpack(KEYS)

local score, place, prefix, part, life, claimLife = unpack(ARGV)
local claimed, expected, more, watching = unpack(redis.call('MGET', claim, size, added, watch))
local isOver = claimed == 'done'
if isOver then life = redis.call('PTTL', claim) elseif watching then life = watching end
local isBegun = redis.call('PEXPIRE', parts, life)
local others = redis.call('ZRANGEBYSCORE', parts, score, score)
local isKnown = #others > 0 and redis.call('SISMEMBER', places, place) == 1
for _, other in ipairs(others) do isKnown = isKnown or string.sub(other, 1, #prefix) == prefix end
if not isKnown then redis.call('ZADD', parts, score, part) end
redis.call('SADD', places, place)
if isBegun == 0 then redis.call('PEXPIRE', parts, life) end
if isOver then
  redis.call('PEXPIRE', places, life)
  return {'over'}
end
for _, key in ipairs({size, places, group}) do redis.call('PEXPIRE', key, life) end
if more then redis.call('PEXPIRE', added, life) end
if watching then redis.call('PEXPIRE', watch, life) end
if not expected or redis.call('ZCARD', parts) < expected + (more or 0) then return {watching and 'waiting' or 'unwatched'} end
if claimed and claimed ~= place then return {'claimed'} end
redis.call('SET', claim, place, 'PX', claimLife)
return {'complete', redis.call('ZRANGE', parts, 0, -1)}
`);

/** The chords to look at. */
export const TO_LOOK_AT: Script = script(`
${NOW}
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
`);

/**
 * Looks at a chord. Answers with its deadline, body, family, size and how many came where that has passed, and with the ids of those where they are
 * few. Without its size a chord is no more: Python ended it, or a member of it came again long after its end.
 *
 * How long nobody came shows in what is left of the life of `watch`, but for Python's members, who leave that alone. One of theirs came when there are
 * more than at the last look, and none of ours has come since, or the parts have another expiry than ours give them.
 */
export const TAKE_OVERDUE: Script = script(`
${NOW}${CHORD}${PROLONG}
local chord, place, claimLife, few = unpack(ARGV)
local claimed, expected, more, life = unpack(redis.call('MGET', claim, size, added, watch))
local came = redis.call('ZCARD', parts)
local deadline, signature, root, known, looked = unpack(redis.call('HMGET', body, 'deadline', 'signature', 'root', 'came', 'looked'))
if not life or not deadline or claimed == 'done' or not expected then
  redis.call('ZREM', watched, chord)
  redis.call('DEL', watch, body, additions)
  return
end
redis.call('HSET', body, 'came', came, 'looked', now)
for _, key in ipairs({body, additions}) do redis.call('PEXPIRE', key, life) end
local idle = life - redis.call('PTTL', watch)
if came ~= tonumber(known) then
  local isTheirs = math.abs(life - redis.call('PTTL', parts) - idle) > ${AT_ONCE_MS}
  if isTheirs or now - idle < looked - ${AT_ONCE_MS} then
    prolong(life)
    idle = 0
  end
end
local left = deadline - idle
if left > 0 then
  redis.call('ZADD', watched, now + math.min(left, ${LONGEST_LOOK_MS}), chord)
  return
end
redis.call('ZADD', watched, now + claimLife, chord)
if claimed then return end
redis.call('SET', claim, place, 'PX', claimLife)
local names = {}
if came <= tonumber(few) then
  for _, part in ipairs(redis.call('ZRANGE', parts, 0, -1)) do
    local isReadable, fields = pcall(cjson.decode, part)
    if isReadable and type(fields) == 'table' then table.insert(names, fields[2]) end
  end
end
return {deadline, signature, root, expected + (more or 0), came, names}
`);

/** Celery leaves the parts of a chord that failed, and its clients look there for what had become of the members. */
export const END: Script = script(`
${CHORD}
local chord, place, life, how = unpack(ARGV)
local claimed = redis.call('GET', claim)
if claimed and claimed ~= place then return end
if how == 'failed' then redis.call('PEXPIRE', parts, life) else redis.call('DEL', parts) end
redis.call('DEL', added, size, places, watch, body, additions)
redis.call('ZREM', watched, chord)
redis.call('SET', claim, 'done', 'PX', life)
`);
