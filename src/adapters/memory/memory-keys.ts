import type { Claim, KeyStore } from "../../broker/key-store.ts";
import { TURN_PREFIX, turnAfter, type Turn, type TurnRules } from "../../broker/turns.ts";
import type { Clock } from "../../util/clock.ts";

export interface MemoryKeyStoreOptions {
  readonly clock: Clock;
  /** Shared with other key stores, as if they were in other processes. @default its own */
  readonly claims?: MemoryClaims;
}

/** Claims by their key. */
export type MemoryClaims = Map<string, HeldClaim>;

interface HeldClaim extends Claim {
  readonly expiresAt: number;
}

/** Expired claims are swept whenever the claims have doubled since the last sweep, and not below this number. */
const LEAST_SWEEP = 1_000;

/** Claims in this process's memory, gone with it. */
export class MemoryKeyStore implements KeyStore {
  readonly #clock: Clock;
  readonly #claims: MemoryClaims;
  #sweepAt = LEAST_SWEEP;

  constructor({ clock, claims = new Map<string, HeldClaim>() }: MemoryKeyStoreOptions) {
    this.#clock = clock;
    this.#claims = claims;
  }

  async claim(key: string, owner: string, ttlMs: number, value?: string): Promise<boolean> {
    const held = this.#living(key);
    if (held !== undefined && held.owner !== owner) return false;
    this.#claims.set(key, { owner, value, expiresAt: this.#clock.now() + ttlMs });
    this.#sweep();
    return true;
  }

  async renew(key: string, owner: string, ttlMs: number): Promise<boolean> {
    const held = this.#living(key);
    if (held?.owner !== owner) return false;
    this.#claims.set(key, { ...held, expiresAt: this.#clock.now() + ttlMs });
    return true;
  }

  async release(key: string, owner: string): Promise<boolean> {
    return this.#living(key)?.owner === owner && this.#claims.delete(key);
  }

  /** Whether there is any claim at all: looking through them would take longer than what this spares. */
  mayHave(): boolean {
    return this.#claims.size > 0;
  }

  async read(keys: readonly string[]): Promise<ReadonlyMap<string, Claim>> {
    const found = new Map<string, Claim>();
    for (const key of keys) {
      const held = this.#living(key);
      if (held !== undefined) found.set(key, { owner: held.owner, value: held.value });
    }
    return found;
  }

  async takeTurn(key: string, rules: TurnRules): Promise<Turn> {
    const now = this.#clock.now();
    const last = this.#living(TURN_PREFIX + key)?.value;
    const turn = turnAfter(last === undefined ? undefined : Number(last), now, rules);
    if (!turn.isTaken) return turn;
    const at = now + turn.inMs;
    this.#claims.set(TURN_PREFIX + key, { owner: TURN_PREFIX, value: String(at), expiresAt: at + rules.everyMs });
    this.#sweep();
    return turn;
  }

  /** Nothing is held that would have to be closed; the claims live on where they are shared. */
  async [Symbol.asyncDispose](): Promise<void> {}

  #living(key: string): HeldClaim | undefined {
    const held = this.#claims.get(key);
    return held !== undefined && held.expiresAt > this.#clock.now() ? held : undefined;
  }

  #sweep(): void {
    if (this.#claims.size < this.#sweepAt) return;
    const now = this.#clock.now();
    for (const [key, { expiresAt }] of this.#claims) if (expiresAt <= now) this.#claims.delete(key);
    this.#sweepAt = Math.max(LEAST_SWEEP, 2 * this.#claims.size);
  }
}
