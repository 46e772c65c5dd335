import type { Claim } from "../../broker/key-store.ts";
import type { ClaimName } from "../../broker/leases/claim-receipt.ts";
import { wholeMs } from "../../util/whole-ms.ts";
import { RENEW } from "./claim-scripts.ts";
import type { RedisLink } from "./connections/redis-link.ts";
import { flagsOf } from "./flags-of.ts";

/** Claims that one script renews: others wait meanwhile. */
const AT_ONCE = 100;

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

  /** String: when the latest turn is that was taken, in milliseconds since the epoch. */
  turn(key: string): string {
    return `${this.#prefix}celeriac:turn:${key}`;
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
  return flagsOf(claims, AT_ONCE, (some) => {
    const names = some.flatMap(({ key }) => [keys.claim(key), keys.family(key)]);
    const args = some.flatMap(({ key, owner }) => [encodeClaim(owner).beginning, key]);
    return link.script(RENEW, names, [wholeMs(ttlMs), ...args]);
  });
}
