import type { Claim, KeyStore } from "../../broker/key-store.ts";
import type { RenewerSource } from "../../broker/leases/renewer.ts";
import { Batcher } from "../../util/batcher.ts";
import { ClaimKeys, decodeClaim, encodeClaim, renewClaims, wholeMs } from "./claims.ts";
import { script, type RedisConnections } from "./connections/redis-link.ts";

/** Claims that one script makes: others wait meanwhile. */
const AT_ONCE = 50;
/** Keys that are read by one command. */
const READ_AT_ONCE = 1_000;

/**
 * For each claim its key and its family, and how it begins, the claim itself, for how long in milliseconds, and its key's own name. A family
 * lives for as long as the longest claim in it, and knows until when each does.
 */
const CLAIM = script(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local claimed = {}
for i = 1, #KEYS, 2 do
  local key, family, a = KEYS[i], KEYS[i + 1], i * 2 - 1
  local beginning, claim, ttl, name = ARGV[a], ARGV[a + 1], tonumber(ARGV[a + 2]), ARGV[a + 3]
  local held = redis.call('GETRANGE', key, 0, #beginning - 1)
  if held == '' or held == beginning then
    redis.call('SET', key, claim, 'PX', ttl)
    redis.call('ZREMRANGEBYSCORE', family, '-inf', now)
    redis.call('ZADD', family, now + ttl, name)
    if redis.call('PTTL', family) < ttl then redis.call('PEXPIRE', family, ttl) end
    claimed[#claimed + 1] = 1
  else
    claimed[#claimed + 1] = 0
  end
end
return claimed
`);

/** The key and its family, and how the claim begins and the key's own name. */
const RELEASE = script(`
if redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) ~= ARGV[1] then return 0 end
redis.call('ZREM', KEYS[2], ARGV[2])
return redis.call('DEL', KEYS[1])
`);

/** Whether a family has a living claim. */
const ANY = script(`
local time = redis.call('TIME')
return redis.call('ZCOUNT', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000), '+inf') > 0 and 1 or 0
`);

interface WantedKey {
  readonly key: string;
  readonly owner: string;
  readonly ttlMs: number;
  readonly value: string | undefined;
}

export interface RedisKeyStoreOptions {
  /** Disposed with the key store. */
  readonly connections: RedisConnections;
  /** Before the name of every key. */
  readonly keyPrefix: string;
  /** How a thread renews them; undefined where it cannot. */
  readonly renewer: RenewerSource;
}

/** Claims as keys that expire by themselves. What one turn of the event loop claims is one round trip. */
export class RedisKeyStore implements KeyStore {
  readonly renewer: RenewerSource;
  readonly #connections: RedisConnections;
  readonly #keys: ClaimKeys;
  readonly #claims: Batcher<WantedKey, boolean>;

  constructor({ connections, keyPrefix, renewer }: RedisKeyStoreOptions) {
    this.renewer = renewer;
    this.#connections = connections;
    this.#keys = new ClaimKeys(keyPrefix);
    this.#claims = new Batcher((wanted) => this.#claim(wanted));
  }

  claim(key: string, owner: string, ttlMs: number, value?: string): Promise<boolean> {
    return this.#claims.add({ key, owner, ttlMs, value });
  }

  async renew(key: string, owner: string, ttlMs: number): Promise<boolean> {
    const [isHeld = false] = await renewClaims(this.#connections.commands, this.#keys, [{ key, owner }], ttlMs);
    return isHeld;
  }

  async release(key: string, owner: string): Promise<boolean> {
    const { commands } = this.#connections;
    const names = [this.#keys.claim(key), this.#keys.family(key)];
    return (await commands.script(RELEASE, names, [encodeClaim(owner).beginning, key])) === 1;
  }

  /** A beginning that does not tell the family may be anybody's. */
  async mayHave(prefix: string): Promise<boolean> {
    if (!prefix.includes(":")) return true;
    return (await this.#connections.commands.script(ANY, [this.#keys.family(prefix)], [])) === 1;
  }

  async read(keys: readonly string[]): Promise<ReadonlyMap<string, Claim>> {
    const reads: (readonly ["MGET", ...string[]])[] = [];
    for (let start = 0; start < keys.length; start += READ_AT_ONCE) {
      reads.push(["MGET", ...keys.slice(start, start + READ_AT_ONCE).map((key) => this.#keys.claim(key))]);
    }
    const texts = (await this.#connections.commands.pipeline(reads)).flat() as readonly (string | null)[];
    return new Map(
      keys.flatMap((key, index) => {
        const text = texts[index] ?? null;
        return text === null ? [] : [[key, decodeClaim(text)] as const];
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#claims.idle();
    await this.#connections[Symbol.asyncDispose]();
  }

  async #claim(wanted: readonly WantedKey[]): Promise<readonly boolean[]> {
    const { commands } = this.#connections;
    const calls: Promise<unknown>[] = [];
    for (let start = 0; start < wanted.length; start += AT_ONCE) {
      const some = wanted.slice(start, start + AT_ONCE);
      const names = some.flatMap(({ key }) => [this.#keys.claim(key), this.#keys.family(key)]);
      const args = some.flatMap(({ key, owner, value, ttlMs }) => {
        const { beginning, text } = encodeClaim(owner, value);
        return [beginning, text, wholeMs(ttlMs), key];
      });
      calls.push(commands.script(CLAIM, names, args));
    }
    return ((await Promise.all(calls)) as readonly (readonly number[])[]).flat().map((claimed) => claimed === 1);
  }
}
