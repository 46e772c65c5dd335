import type { Claim, KeyStore } from "../../broker/key-store.ts";
import type { RenewerSource } from "../../broker/leases/renewer.ts";
import type { Turn, TurnRules } from "../../broker/turns.ts";
import { Batcher } from "../../util/batcher.ts";
import { LONGEST_MS, wholeMs } from "../../util/whole-ms.ts";
import { ClaimKeys, decodeClaim, encodeClaim, renewClaims } from "./claims.ts";
import { ANY, CLAIM, RELEASE, TAKE_TURN } from "./claim-scripts.ts";
import type { RedisConnections } from "./connections/redis-link.ts";
import { flagsOf } from "./flags-of.ts";
import { EmptyFamilies } from "./empty-families.ts";

/** Claims that one script makes: others wait meanwhile. */
const AT_ONCE = 50;
/** Keys that are read by one command. */
const READ_AT_ONCE = 1_000;

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
  /** Shared with the broker beside it, which asks after them when it takes messages. @default none */
  readonly families?: EmptyFamilies | undefined;
}

/** Claims as keys that expire by themselves. What one turn of the event loop claims is one round trip. */
export class RedisKeyStore implements KeyStore {
  readonly renewer: RenewerSource;
  readonly #connections: RedisConnections;
  readonly #keys: ClaimKeys;
  readonly #families: EmptyFamilies;
  readonly #claims: Batcher<WantedKey, boolean>;

  constructor({ connections, keyPrefix, renewer, families = new EmptyFamilies() }: RedisKeyStoreOptions) {
    this.renewer = renewer;
    this.#connections = connections;
    this.#keys = new ClaimKeys(keyPrefix);
    this.#families = families;
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
  mayHave(prefix: string): boolean | Promise<boolean> {
    if (!prefix.includes(":")) return true;
    const family = this.#keys.family(prefix);
    return this.#families.has(family) ? false : this.#hasAny(family);
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

  async takeTurn(key: string, { everyMs, withinMs }: TurnRules): Promise<Turn> {
    const args = [Math.min(everyMs, LONGEST_MS), Math.min(withinMs, LONGEST_MS)];
    const reply = await this.#connections.commands.script(TAKE_TURN, [this.#keys.turn(key)], args);
    const [isTaken, inMs] = reply as readonly [number, string];
    return { isTaken: isTaken === 1, inMs: Number(inMs) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#claims.idle();
    await this.#connections[Symbol.asyncDispose]();
  }

  async #hasAny(family: string): Promise<boolean> {
    return (await this.#connections.commands.script(ANY, [family], [])) === 1;
  }

  async #claim(wanted: readonly WantedKey[]): Promise<readonly boolean[]> {
    const claimed = await flagsOf(wanted, AT_ONCE, (some) => {
      const names = some.flatMap(({ key }) => [this.#keys.claim(key), this.#keys.family(key)]);
      const args = some.flatMap(({ key, owner, value, ttlMs }) => {
        const { beginning, text } = encodeClaim(owner, value);
        return [beginning, wholeMs(ttlMs), key, text];
      });
      return this.#connections.commands.script(CLAIM, names, args);
    });
    this.#families.forget();
    return claimed;
  }
}
