import {
  CLAIM_MS,
  decodePart,
  encodePart,
  OVER_MS,
  partPrefix,
  placeOf,
  type ChordCounters,
  type ChordJoin,
  type ChordMember,
  type ChordPart,
} from "../../backend/chords.ts";
import { script, type RedisLink } from "./connections/redis-link.ts";
import type { ResultKeys } from "./result-keys.ts";

/**
 * What Celery 5.7 does, so that its members and ours count together. Older Celery keeps neither places nor claims: one of its members is
 * known by its part alone, and the places outlive a chord that it ends. Answers how the chord stands, and with its parts when it is complete
 * and this member's. PEXPIRE comes first for the sake of full servers: see `storeResults`.
 */
const JOIN = script(`
local parts, added, size, places, claim, group = unpack(KEYS)
local score, place, prefix, part, life, claimLife = unpack(ARGV)
local claimed = redis.call('GET', claim)
if claimed == 'done' then return {'over'} end
redis.call('PEXPIRE', parts, life)
local others = redis.call('ZRANGEBYSCORE', parts, score, score)
local isKnown = #others > 0 and redis.call('SISMEMBER', places, place) == 1
for _, other in ipairs(others) do isKnown = isKnown or string.sub(other, 1, #prefix) == prefix end
if not isKnown then redis.call('ZADD', parts, score, part) end
redis.call('SADD', places, place)
for _, key in ipairs({parts, added, size, places, group}) do redis.call('PEXPIRE', key, life) end
local expected = tonumber(redis.call('GET', size))
if not expected or redis.call('ZCARD', parts) < expected + tonumber(redis.call('GET', added) or 0) then return {'waiting'} end
if claimed and claimed ~= place then return {'claimed'} end
redis.call('SET', claim, place, 'PX', claimLife)
return {'complete', redis.call('ZRANGE', parts, 0, -1)}
`);

const END = script(`
local parts, added, size, places, claim = unpack(KEYS)
local place, life = unpack(ARGV)
local claimed = redis.call('GET', claim)
if claimed and claimed ~= place then return end
redis.call('DEL', parts, added, size, places)
redis.call('SET', claim, 'done', 'PX', life)
`);

export interface RedisChordsOptions {
  readonly link: RedisLink;
  readonly keys: ResultKeys;
  /** How long a chord waits for the rest of its members, in milliseconds. */
  readonly lifeMs: number;
}

/** Chords as Celery counts them: `celery/backends/redis.py:RedisBackend.on_chord_part_return`. */
export class RedisChords implements ChordCounters {
  readonly #options: RedisChordsOptions;

  constructor(options: RedisChordsOptions) {
    this.#options = options;
  }

  async setSize(chordId: string, size: number): Promise<void> {
    const { link, keys, lifeMs } = this.#options;
    const chord = keys.chord(chordId);
    await link.transaction([
      ["DEL", chord.claim],
      ["SET", chord.size, size, "PX", lifeMs],
    ]);
  }

  async join(member: ChordMember, outcome: Omit<ChordPart, "taskId">): Promise<ChordJoin> {
    const { link, keys, lifeMs } = this.#options;
    const { taskId, index } = member;
    const { parts, added, size, places, claim, group } = keys.chord(member.chordId);
    const part = encodePart({ taskId, ...outcome });
    const [kind, texts] = (await link.script(
      JOIN,
      [parts, added, size, places, claim, group],
      [index ?? "+inf", placeOf(member), partPrefix(taskId), part, lifeMs, CLAIM_MS],
    )) as readonly [ChordJoin["kind"], (readonly string[])?];
    return kind === "complete" ? { kind, parts: (texts ?? []).map(decodePart) } : { kind };
  }

  async end(member: ChordMember): Promise<void> {
    const { link, keys } = this.#options;
    const { parts, added, size, places, claim } = keys.chord(member.chordId);
    await link.script(END, [parts, added, size, places, claim], [placeOf(member), OVER_MS]);
  }
}
