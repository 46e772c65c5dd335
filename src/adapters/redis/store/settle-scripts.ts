import { script, type Script } from "../connections/redis-link.ts";
import { KEYS, MOVES, NOW, PLACES, TRUCE, UNIQUE_KEYS } from "./lua.ts";

/** All of these answer with the receipts that were no longer held. */
const ALL = `${KEYS}${PLACES}${UNIQUE_KEYS}${MOVES}`;

/**
 * All of one queue at once: only where not all are held is each looked at. Arguments: prefix, how many have unique keys, then for each queue its name, how
 * many receipts, and these; at last the receipts of those with unique keys, in which their queues are.
 */
export const ACK: Script = script(`
${ALL}
local lost, at = {}, 3
local unique_from = #ARGV - ARGV[2] + 1
while at < unique_from do
  local queue, last = ARGV[at], at + 1 + ARGV[at + 1]
  for first = at + 2, last, 1000 do
    local till = math.min(first + 999, last)
    if redis.call('ZREM', INDEX, unpack(ARGV, first, till)) == till - first + 1 then
      redis.call('HDEL', UNACKED, unpack(ARGV, first, till))
    else
      for i = first, till do
        if redis.call('HDEL', UNACKED, ARGV[i]) == 0 then lost[#lost + 1] = ARGV[i] end
      end
    end
    redis.call('ZREM', leases_of(queue), unpack(ARGV, first, till))
  end
  at = last + 1
end
for i = unique_from, #ARGV do
  local _, queue, key = parts_of(ARGV[i])
  if is_held(ARGV[i]) then
    leave(ARGV[i], queue)
    free_key(key, ARGV[i])
  else
    lost[#lost + 1] = ARGV[i]
  end
end
return lost
`);

/** As they were, to be the next to be served: the last of them first of all. Arguments: prefix, receipts. */
export const HAND_BACK: Script = script(`
${ALL}
local lost = {}
for i = 2, #ARGV do
  local value = redis.call('HGET', UNACKED, ARGV[i])
  if value then put_back('RPUSH', ARGV[i], envelope_in(value)) else lost[#lost + 1] = ARGV[i] end
end
return lost
`);

/** Arguments: prefix, then of each its receipt, its new place, and when it is due in milliseconds. */
export const DEFER: Script = script(`
${ALL}
local lost = {}
for i = 2, #ARGV, 3 do
  local receipt, place, due = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local step, queue, key = parts_of(receipt)
  local value = redis.call('HGET', UNACKED, receipt)
  if value then
    redis.call('HSET', UNACKED, place, value)
    redis.call('ZADD', INDEX, string.format('%.3f', due / 1000), place)
    redis.call('ZADD', delayed_of(queue), due, place)
    leave(receipt, queue)
    if key then move_copy(key, receipt, 'delayed', list_of(queue, step), place) end
  else
    lost[#lost + 1] = receipt
  end
end
return lost
`);

/** Whether they are held makes them last longer, both for us and in Kombu's eyes. Arguments: prefix, for how long in milliseconds, receipts. */
export const RENEW: Script = script(`
${ALL}${NOW}${TRUCE}
local index_score = string.format('%d', now / 1000)
local lease_end = string.format('%d', now + ARGV[2])
local lost = {}
for i = 3, #ARGV do
  if redis.call('ZSCORE', INDEX, ARGV[i]) then
    local _, queue = parts_of(ARGV[i])
    redis.call('ZADD', INDEX, 'XX', index_score, ARGV[i])
    redis.call('ZADD', leases_of(queue), lease_end, ARGV[i])
  else
    lost[#lost + 1] = ARGV[i]
  end
end
return lost
`);
