import { script, type Script } from "../connections/redis-link.ts";
import { KEYS, MOVES, NOW, PLACES, UNIQUE_KEYS } from "./lua.ts";
import { EXISTS } from "./queue-scripts.ts";

/**
 * Dead letters: a hash of all by their ids, and beside it, for each filter, a sorted set of ids scored by themselves: all, those of a queue, of a code, and of
 * a queue and a code. How many there are of each queue is counted, so that it is known which queues there are.
 */
const LETTERS = `
local DEAD = prefix .. 'celeriac:dead'
local DEAD_QUEUES = prefix .. 'celeriac:dead:queues'
local function indexes_of(queue, code)
  return {
    prefix .. 'celeriac:dead:all',
    prefix .. 'celeriac:dead:queue:' .. queue,
    prefix .. 'celeriac:dead:code:' .. code,
    prefix .. 'celeriac:dead:both:' .. #queue .. ':' .. queue .. ':' .. code,
  }
end
local function add_letter(queue, code, letter)
  local id = redis.call('INCR', prefix .. 'celeriac:dead:last')
  redis.call('HSET', DEAD, id, letter)
  for _, index in ipairs(indexes_of(queue, code)) do redis.call('ZADD', index, id, id) end
  redis.call('HINCRBY', DEAD_QUEUES, queue, 1)
end
local function forget_letter(id, queue, code)
  if redis.call('HDEL', DEAD, id) == 0 then return false end
  for _, index in ipairs(indexes_of(queue, code)) do redis.call('ZREM', index, id) end
  if redis.call('HINCRBY', DEAD_QUEUES, queue, -1) <= 0 then redis.call('HDEL', DEAD_QUEUES, queue) end
  return true
end
`;

/** Arguments: prefix, then of each its receipt, its code, and the letter. Answers with the receipts that were no longer held. */
export const BURY: Script = script(`
${KEYS}${PLACES}${UNIQUE_KEYS}${MOVES}${LETTERS}
return with_held(2, 3, function(receipt, i)
  local _, queue, key = parts_of(receipt)
  add_letter(queue, ARGV[i + 1], ARGV[i + 2])
  leave(receipt, queue)
  if key then free_key(key, receipt) end
end)
`);

/** Arguments: prefix, then of each its id, queue and code. Answers with how many were there. */
export const FORGET: Script = script(`
${KEYS}${LETTERS}
local forgotten = 0
for i = 2, #ARGV, 3 do
  if forget_letter(ARGV[i], ARGV[i + 1], ARGV[i + 2]) then forgotten = forgotten + 1 end
end
return forgotten
`);

/**
 * Arguments: prefix, then of each its id, queue, code, the queue that it goes to, its step and envelope, and its delivery tag, unique key and the key's owner or
 * empty texts. Answers with how many were there, or with a queue that does not exist, and has done nothing then.
 */
export const REPLAY: Script = script(`
${KEYS}${NOW}${EXISTS}${UNIQUE_KEYS}${LETTERS}
for i = 2, #ARGV, 9 do
  if not exists(ARGV[i + 3]) then return ARGV[i + 3] end
end
local replayed = 0
for i = 2, #ARGV, 9 do
  local id, queue, code, to, step, envelope, tag, key, owner = unpack(ARGV, i, i + 8)
  if redis.call('HEXISTS', DEAD, id) == 1 then
    local list = list_of(to, step)
    redis.call('LPUSH', list, envelope)
    forget_letter(id, queue, code)
    if key ~= '' and redis.call('EXISTS', record_of(key)) == 0 then
      redis.call('HSET', record_of(key), 'owner', owner)
      note_copy(key, tag, 'waiting', to, list, envelope)
    end
    replayed = replayed + 1
  end
end
return replayed
`);

/**
 * Whether what is chosen could be replayed. Arguments: prefix, and in JSON the queue that all go to, or the ids, or the queue and the code, where they are given.
 * Answers with a queue that does not exist.
 */
export const REPLAYABLE: Script = script(`
${KEYS}${NOW}${EXISTS}${LETTERS}
local wanted, queues = cjson.decode(ARGV[2]), {}
if wanted.to then
  queues = {wanted.to}
elseif wanted.ids then
  for _, id in ipairs(wanted.ids) do
    local letter = redis.call('HGET', DEAD, id)
    if letter then queues[#queues + 1] = cjson.decode(letter).queue end
  end
else
  for _, queue in ipairs(wanted.queue and {wanted.queue} or redis.call('HKEYS', DEAD_QUEUES)) do
    local _, of_queue, _, of_both = unpack(indexes_of(queue, wanted.code or ''))
    if redis.call('EXISTS', wanted.code and of_both or of_queue) == 1 then queues[#queues + 1] = queue end
  end
end
for _, queue in ipairs(queues) do
  if not exists(queue) then return queue end
end
`);
