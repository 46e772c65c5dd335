import { LEASE_LOST } from "../../../broker/queued/history.ts";
import { script, type Argument, type RedisLink } from "../connections/redis-link.ts";
import { decodeEnvelope, priorityStep } from "../envelope.ts";
import type { StoreKeys } from "./keys.ts";
import { KEYS, MOVES, PLACES, UNIQUE_KEYS } from "./lua.ts";
import { isHandedOut, parsePlace } from "./place.ts";
import { failed } from "./take-over.ts";

/**
 * Arguments: prefix, then names in the hash of what is handed out, each with a list and an envelope. The list is empty where the name is a place of ours, and both
 * are where nothing was in the hash, or nothing that can be read, which stays there.
 */
const RESTORE = script(`
${KEYS}${PLACES}${UNIQUE_KEYS}${MOVES}
for i = 2, #ARGV, 3 do
  local name, list, envelope = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if envelope == '' or not is_held(name) then
    redis.call('ZREM', INDEX, name)
  elseif list == '' then
    local _, queue = parts_of(name)
    put_back('RPUSH', name, envelope)
    redis.call('ZREM', delayed_of(queue), name)
  else
    redis.call('RPUSH', list, envelope)
    redis.call('HDEL', UNACKED, name)
    redis.call('ZREM', INDEX, name)
  end
end
`);

/**
 * Gives back what its holder has forgotten, to be the next in its queue. Such a message may be a Python worker's, or of a queue that only Python consumes from by
 * now.
 *
 * Kombu: `redis.py:QoS.restore_visible`.
 */
export async function restore(link: RedisLink, keys: StoreKeys, names: readonly string[]): Promise<void> {
  const [values, scores] = (await link.pipeline([
    ["HMGET", keys.unacked, ...names],
    ["ZMSCORE", keys.unackedIndex, ...names],
  ])) as readonly (readonly (string | null)[])[];
  const args = names.flatMap((name, index): readonly Argument[] => {
    const held = parseHeld(values?.[index] ?? "");
    if (held === undefined) return [name, "", ""];
    const place = parsePlace(name);
    if (place !== undefined && !isHandedOut(place)) return [name, "", held.envelope];
    const envelope = failed(held.envelope, LEASE_LOST, Number(scores?.[index] ?? 0) * 1_000);
    return [name, place === undefined ? listOf(keys, held) : "", envelope];
  });
  await link.script(RESTORE, [], [keys.prefix, ...args]);
}

function listOf(keys: StoreKeys, { envelope, queue }: Held): string {
  return keys.list(queue, priorityStep(decodeEnvelope(envelope)?.message.properties.priority));
}

interface Held {
  readonly envelope: string;
  readonly queue: string;
}

/**
 * Celery sends to the default exchange, whatever exchange a queue is declared with: the routing key is the queue. Kombu asks another exchange for its queues,
 * and there may be more than the one that this came from.
 */
function parseHeld(value: string): Held | undefined {
  const match = HELD.exec(value);
  if (match === null) return undefined;
  const [, envelope = "", routingKey = '""'] = match;
  return { envelope, queue: JSON.parse(routingKey) as string };
}

/** `[<envelope>, <exchange>, <routing key>]` */
const HELD = /^\[\s*(\{[^]*\})\s*,\s*"(?:[^"\\]|\\.)*"\s*,\s*("(?:[^"\\]|\\.)*")\s*\]$/;
