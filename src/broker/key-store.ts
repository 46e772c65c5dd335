import type { RenewerSource } from "./leases/renewer.ts";
import type { Turn, TurnRules } from "./turns.ts";

/**
 * THE SEAM to what the whole fleet must know and what must expire by itself: revocations, concurrency keys and rate limits now; leadership
 * stands on it too. `KeyHolder` keeps a claim alive for as long as it is needed.
 */
export interface KeyStore extends AsyncDisposable {
  /** How to renew claims from a thread, where the store can be reached from there. Its receipts are those of `claim-receipt.ts`. */
  readonly renewer?: RenewerSource;
  /** True when `owner` holds the key afterwards, until `ttlMs` from now; false while another owner's claim lives. Claiming one's own key again renews it and replaces the value. */
  claim(key: string, owner: string, ttlMs: number, value?: string): Promise<boolean>;
  /** False when `owner` no longer held the key; it is then not held afterwards either. */
  renew(key: string, owner: string, ttlMs: number): Promise<boolean>;
  /** False when `owner` did not hold the key. */
  release(key: string, owner: string): Promise<boolean>;
  /** False only when there is no claim whose key begins with `prefix`: spares those a look at every key that look for what is rare. At once where it is known. */
  mayHave(prefix: string): boolean | Promise<boolean>;
  /** The living claims among `keys`. */
  read(keys: readonly string[]): Promise<ReadonlyMap<string, Claim>>;
  /**
   * Takes the next of a key's turns, if that comes soon enough: the first at once, each other `everyMs` after the one before, by the rules of whoever takes it. One
   * step, by the store's own clock. Of no claim's business, whatever the key; forgotten once the next turn may be taken anyway.
   */
  takeTurn(key: string, rules: TurnRules): Promise<Turn>;
}

export interface Claim {
  readonly owner: string;
  readonly value: string | undefined;
}
