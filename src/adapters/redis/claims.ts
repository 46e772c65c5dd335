import type { Claim } from "../../broker/key-store.ts";
import type { ClaimName } from "../../broker/leases/claim-receipt.ts";
import { script, type RedisLink } from "./connections/redis-link.ts";

/** Claims that one script renews: others wait meanwhile. */
const AT_ONCE = 100;

/**
 * For each claim its key and its family, and how it begins and its key's own name; before these, for how long in milliseconds. Answers 0 for
 * those that are not held by this owner.
 */
const RENEW = script(`
local ttl = tonumber(ARGV[1])
local time = redis.call('TIME')
local till = time[1] * 1000 + math.floor(time[2] / 1000) + ttl
local renewed = {}
for i = 1, #KEYS, 2 do
  local key, family, beginning, name = KEYS[i], KEYS[i + 1], ARGV[i + 1], ARGV[i + 2]
  if redis.call('GETRANGE', key, 0, #beginning - 1) == beginning then
    redis.call('PEXPIRE', key, ttl)
    redis.call('ZADD', family, till, name)
    if redis.call('PTTL', family) < ttl then redis.call('PEXPIRE', family, ttl) end
    renewed[#renewed + 1] = 1
  else
    renewed[#renewed + 1] = 0
  end
end
return renewed
`);

/** The names of what a key store keeps. */
export class ClaimKeys {
  readonly #prefix: string;

  constructor(keyPrefix: string) {
    this.#prefix = keyPrefix;
  }

  /** String: who claimed the key, and the value. */
  claim(key: string): string {
    return `${this.#prefix}celeriac:key:${key}`;
  }

  /** Sorted set of the keys that begin alike, up to their first colon, by the millisecond until which they are claimed. */
  family(key: string): string {
    return `${this.#prefix}celeriac:keys:${key.slice(0, key.indexOf(":") + 1)}`;
  }
}

/** A claim as it is stored: the owner, and the value where there is one, as a JSON array. Two of one owner begin alike, and no others do. */
export function encodeClaim(owner: string, value?: string): { readonly beginning: string; readonly text: string } {
  const beginning = `[${JSON.stringify(owner)}`;
  return { beginning, text: value === undefined ? `${beginning}]` : `${beginning},${JSON.stringify(value)}]` };
}

export function decodeClaim(text: string): Claim {
  const [owner, value] = JSON.parse(text) as [string, string?];
  return { owner, value };
}

/** Whether each was held, and is for `ttlMs` from now. */
export async function renewClaims(
  link: RedisLink,
  keys: ClaimKeys,
  claims: readonly ClaimName[],
  ttlMs: number,
): Promise<readonly boolean[]> {
  const calls: Promise<unknown>[] = [];
  for (let start = 0; start < claims.length; start += AT_ONCE) {
    const some = claims.slice(start, start + AT_ONCE);
    const names = some.flatMap(({ key }) => [keys.claim(key), keys.family(key)]);
    const args = some.flatMap(({ key, owner }) => [encodeClaim(owner).beginning, key]);
    calls.push(link.script(RENEW, names, [wholeMs(ttlMs), ...args]));
  }
  return ((await Promise.all(calls)) as readonly (readonly number[])[]).flat().map((renewed) => renewed === 1);
}

/** The longest that Redis' clock can add to. */
const LONGEST_MS = 2 ** 50;

export function wholeMs(ttlMs: number): number {
  return Math.min(Math.ceil(ttlMs), LONGEST_MS);
}
