import { LEASE_LOST, withNote } from "../../../broker/queued/history.ts";
import type { DeadLetterReason } from "../../../broker/broker.ts";
import { decodeEnvelope, redelivered } from "../envelope.ts";
import { script, type RedisLink, type Script } from "../connections/redis-link.ts";
import type { StoreKeys } from "./keys.ts";
import { KEYS, MOVES, NOW, PLACES, UNIQUE_KEYS } from "./lua.ts";
import { deliveriesBefore, historyIn, ownState, stateIn, storedHistory } from "./own-state.ts";
import { envelopeIn, parsePlace } from "./place.ts";

/**
 * Puts messages back into their lists, each with a new envelope, to be the next to be served: the last of the arguments first of all. Arguments: prefix,
 * `lapsed` for those alone whose lease has run out, then places and envelopes. Answers with the places where nothing was any more.
 */
export const REQUEUE: Script = script(`
${KEYS}${NOW}${PLACES}${UNIQUE_KEYS}${MOVES}
local gone = {}
for i = 3, #ARGV, 2 do
  local place, envelope = ARGV[i], ARGV[i + 1]
  local _, queue = parts_of(place)
  local is_renewed = false
  if ARGV[2] == 'lapsed' then
    local ends = redis.call('ZSCORE', leases_of(queue), place)
    is_renewed = ends and tonumber(ends) > now
  end
  if not is_renewed then
    if is_held(place) then
      put_back('RPUSH', place, envelope)
    else
      redis.call('ZREM', leases_of(queue), place)
      gone[#gone + 1] = place
    end
  end
end
return gone
`);

/**
 * Gives back what is held by the dead, counted as a delivery: `lapsed` are places and the milliseconds at which their leases ended, in turn. What is
 * renewed meanwhile stays with its holder.
 */
export async function takeOver(link: RedisLink, keys: StoreKeys, lapsed: readonly string[]): Promise<void> {
  const ends = new Map<string, number>();
  for (let index = 0; index < lapsed.length; index += 2) ends.set(lapsed[index] ?? "", Number(lapsed[index + 1]));
  const places = [...ends.keys()];
  const rewritten = await rewrite(link, keys, places, (text, place) => failed(text, LEASE_LOST, ends.get(place) ?? 0));
  // Where Kombu has restored a message, its lease alone is left.
  const texts = places.toReversed().flatMap((place) => [place, rewritten.get(place) ?? ""]);
  await link.script(REQUEUE, [], [keys.prefix, "lapsed", ...texts]);
}

/** New envelopes for what is in these places, by place. What is in a place never changes, so that this is no race: it is there still, or gone. */
export async function rewrite(
  link: RedisLink,
  keys: StoreKeys,
  places: readonly string[],
  change: (text: string, place: string) => string,
): Promise<ReadonlyMap<string, string>> {
  const values = (await link.command(["HMGET", keys.unacked, ...places])) as readonly (string | null)[];
  const changed = new Map<string, string>();
  for (const [index, place] of places.entries()) {
    const value = values[index] ?? null;
    if (value !== null) changed.set(place, change(envelopeIn(value, parsePlace(place)?.queue ?? ""), place));
  }
  return changed;
}

/** The envelope of a message whose hand-out counts, with a note of what happened to it. */
export function failed(text: string, reason: DeadLetterReason | undefined, at: number): string {
  const envelope = decodeEnvelope(text);
  if (envelope === undefined) return text;
  const state = stateIn(envelope);
  const deliveries = deliveriesBefore(envelope) + 1;
  if (reason === undefined) return redelivered(text, ownState({ ...state, deliveries }));
  const history = storedHistory(withNote(historyIn(state), reason, at));
  return redelivered(text, ownState({ ...state, deliveries, history }));
}
