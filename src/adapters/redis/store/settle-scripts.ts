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
local lost_with_key = with_held(unique_from, 1, function(receipt)
  local _, queue, key = parts_of(receipt)
  leave(receipt, queue)
  free_key(key, receipt)
end)
for _, receipt in ipairs(lost_with_key) do lost[#lost + 1] = receipt end
return lost
`);

/** As they were, to be the next to be served: the last of them first of all. Arguments: prefix, receipts. */
export const HAND_BACK: Script = script(`
${ALL}
return with_held(2, 1, function(receipt)
  put_back('RPUSH', receipt, envelope_in(redis.call('HGET', UNACKED, receipt)))
end)
`);

/** Arguments: prefix, then of each its receipt, its new place, and when it is due in milliseconds. */
export const DEFER: Script = script(`
${ALL}
return with_held(2, 3, function(receipt, i)
  local place, due = ARGV[i + 1], ARGV[i + 2]
  local step, queue, key = parts_of(receipt)
  redis.call('HSET', UNACKED, place, redis.call('HGET', UNACKED, receipt))
  redis.call('ZADD', INDEX, string.format('%.3f', due / 1000), place)
  redis.call('ZADD', delayed_of(queue), due, place)
  leave(receipt, queue)
  if key then move_copy(key, receipt, 'delayed', list_of(queue, step), place) end
end)
`);

/** Whether they are held makes them last longer, both for us and in Kombu's eyes. Arguments: prefix, for how long in milliseconds, receipts. */
export const RENEW: Script = script(`
${ALL}${NOW}${TRUCE}
local held_until = string.format('%d', (now + ARGV[2]) / 1000)
local lease_end = string.format('%d', now + ARGV[2])
local lost = {}
for i = 3, #ARGV do
  if redis.call('ZSCORE', INDEX, ARGV[i]) then
    local _, queue = parts_of(ARGV[i])
    redis.call('ZADD', INDEX, 'XX', held_until, ARGV[i])
    redis.call('ZADD', leases_of(queue), lease_end, ARGV[i])
  else
    lost[#lost + 1] = ARGV[i]
  end
end
return lost
`);
