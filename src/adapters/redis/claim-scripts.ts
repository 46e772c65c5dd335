import { script, type Script } from "./connections/redis-link.ts";
import { NOW } from "./store/lua.ts";

/** Whoever holds a claim knows how it begins. A family lives for as long as the longest claim in it, and knows until when each does. */
const CLAIMS = `
local function beginning_of(key, beginning) return redis.call('GETRANGE', key, 0, #beginning - 1) end
local function note_in(family, name, ttl)
  redis.call('ZADD', family, now + ttl, name)
  if redis.call('PTTL', family) < ttl then redis.call('PEXPIRE', family, ttl) end
end
`;

/** For each claim its key and its family, and how it begins, for how long in milliseconds, its key's own name, and the claim itself. */
export const CLAIM: Script = script(`
${NOW}${CLAIMS}
local claimed = {}
for i = 1, #KEYS, 2 do
  local key, family, a = KEYS[i], KEYS[i + 1], i * 2 - 1
  local beginning, ttl, name, claim = ARGV[a], tonumber(ARGV[a + 1]), ARGV[a + 2], ARGV[a + 3]
  local held = beginning_of(key, beginning)
  local is_free = held == '' or held == beginning
  if is_free then
    redis.call('SET', key, claim, 'PX', ttl)
    redis.call('ZREMRANGEBYSCORE', family, '-inf', now)
    note_in(family, name, ttl)
  end
  claimed[#claimed + 1] = is_free and 1 or 0
end
return claimed
`);

/** For how long in milliseconds, and for each claim its key and its family, and how it begins and its key's own name. */
export const RENEW: Script = script(`
${NOW}${CLAIMS}
local ttl = tonumber(ARGV[1])
local renewed = {}
for i = 1, #KEYS, 2 do
  local beginning = ARGV[i + 1]
  local is_held = beginning_of(KEYS[i], beginning) == beginning
  if is_held then
    redis.call('PEXPIRE', KEYS[i], ttl)
    note_in(KEYS[i + 1], ARGV[i + 2], ttl)
  end
  renewed[#renewed + 1] = is_held and 1 or 0
end
return renewed
`);

/** The key and its family, and how the claim begins and the key's own name. */
export const RELEASE: Script = script(`
${NOW}${CLAIMS}
if beginning_of(KEYS[1], ARGV[1]) ~= ARGV[1] then return 0 end
redis.call('ZREM', KEYS[2], ARGV[2])
return redis.call('DEL', KEYS[1])
`);

/** Whether a family has a living claim. */
export const ANY: Script = script(`
${NOW}
return redis.call('ZCOUNT', KEYS[1], now, '+inf') > 0 and 1 or 0
`);

/** The key, and how far apart turns are and how far ahead one may be taken, in milliseconds. As `turnAfter`, but by the server's clock. */
export const TAKE_TURN: Script = script(`
${NOW}
local every, within = tonumber(ARGV[1]), tonumber(ARGV[2])
local last = redis.call('GET', KEYS[1])
local wait = last and math.max(0, math.min(last + every - now, within + every)) or 0
if wait > within then return {0, string.format('%.3f', wait)} end
redis.call('SET', KEYS[1], string.format('%.3f', now + wait), 'PX', string.format('%d', math.ceil(wait + every)))
return {1, string.format('%.3f', wait)}
`);
