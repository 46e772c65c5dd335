import { LEASE_LOST } from "../../../broker/queued/history.ts";
import { script, type Argument, type RedisLink } from "../connections/redis-link.ts";
import { decodeEnvelope, priorityStep } from "../envelope.ts";
import type { StoreKeys } from "./keys.ts";
import { KEYS } from "./lua.ts";
import { failed } from "./take-over.ts";

/**
 * Arguments: prefix, then names in the hash of what is handed out, each with a list and an envelope. Both are empty where nothing was in the hash, or nothing
 * that can be read, which stays there.
 */
const RESTORE = script(`
${KEYS}
for i = 2, #ARGV, 3 do
  redis.call('ZREM', INDEX, ARGV[i])
  if ARGV[i + 1] ~= '' and redis.call('HEXISTS', UNACKED, ARGV[i]) == 1 then
    redis.call('RPUSH', ARGV[i + 1], ARGV[i + 2])
    redis.call('HDEL', UNACKED, ARGV[i])
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
    const { priority } = decodeEnvelope(held.envelope)?.message.properties ?? {};
    const envelope = failed(held.envelope, LEASE_LOST, Number(scores?.[index] ?? 0) * 1_000);
    return [name, keys.list(held.queue, priorityStep(priority)), envelope];
  });
  await link.script(RESTORE, [], [keys.prefix, ...args]);
}

/**
 * Celery sends to the default exchange, whatever exchange a queue is declared with: the routing key is the queue. Kombu asks another exchange for its queues,
 * and there may be more than the one that this came from.
 */
function parseHeld(value: string): { readonly envelope: string; readonly queue: string } | undefined {
  const match = HELD.exec(value);
  if (match === null) return undefined;
  const [, envelope = "", routingKey = '""'] = match;
  return { envelope, queue: JSON.parse(routingKey) as string };
}

/** `[<envelope>, <exchange>, <routing key>]` */
const HELD = /^\[\s*(\{[^]*\})\s*,\s*"(?:[^"\\]|\\.)*"\s*,\s*("(?:[^"\\]|\\.)*")\s*\]$/;
