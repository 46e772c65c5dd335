import { randomUUID } from "node:crypto";
import type { Clock } from "../util/clock.ts";
import type { Logger } from "../util/logger.ts";
import { KeyLostError } from "./errors.ts";
import type { KeyStore } from "./key-store.ts";
import { formatClaim } from "./leases/claim-receipt.ts";
import { LeaseKeeper, NO_SLOT, type Leaseholder } from "./leases/lease-keeper.ts";

/** A holder that was killed is in nobody's way for longer, in milliseconds. */
const DEFAULT_TTL_MS = 30_000;

export interface KeyHolderOptions {
  /** Not disposed with the holder. */
  readonly keys: KeyStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** How soon the keys of a dead holder are free, in milliseconds. @default 30_000 */
  readonly ttlMs?: number;
}

export interface TakeKeyOptions {
  /** Who holds it: one hold of one key, which nobody else uses. @default a random one */
  readonly owner?: string;
  /** For others to read. @default none */
  readonly value?: string;
}

/** Claims keys and keeps them claimed until they are released, also while the event loop is blocked where the key store can be renewed from a thread. */
export class KeyHolder implements AsyncDisposable {
  readonly #keys: KeyStore;
  readonly #clock: Clock;
  readonly #ttlMs: number;
  readonly #keeper: LeaseKeeper;
  /** By receipt. */
  readonly #held = new Map<string, KeyHold>();

  constructor({ keys, clock, log, ttlMs = DEFAULT_TTL_MS }: KeyHolderOptions) {
    this.#keys = keys;
    this.#clock = clock;
    this.#ttlMs = ttlMs;
    const renew = (receipts: readonly string[]): Promise<readonly string[]> => this.#renew(receipts);
    this.#keeper = new LeaseKeeper({ renew, renewer: keys.renewer, leaseMs: ttlMs, clock, log });
  }

  /** Undefined while another owner holds the key. Rejects as the key store does. */
  async take(key: string, { owner = randomUUID(), value }: TakeKeyOptions = {}): Promise<HeldKey | undefined> {
    this.#keeper.start();
    const since = this.#clock.now();
    if (!(await this.#keys.claim(key, owner, this.#ttlMs, value))) return undefined;
    const held: KeyHold = new KeyHold(key, owner, value, {
      confirm: () => this.#keeper.confirm(held),
      release: () => this.#release(held),
      forget: () => this.#held.delete(held.receipt),
    });
    this.#held.set(held.receipt, held);
    this.#keeper.hold(held, since);
    return held;
  }

  /** Releases what is still held. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([...this.#held.values()].map((held) => this.#release(held)));
    await this.#keeper[Symbol.asyncDispose]();
  }

  async #release(held: KeyHold): Promise<void> {
    if (!this.#held.delete(held.receipt)) return;
    this.#keeper.release(held);
    await this.#keys.release(held.key, held.owner);
  }

  /** Claims anew: what ran out while the machine slept or its clock was set, but went to nobody, is held still. */
  async #renew(receipts: readonly string[]): Promise<readonly string[]> {
    const renewed = await Promise.all(receipts.map((receipt) => this.#claimAnew(receipt)));
    return receipts.filter((_, index) => !renewed[index]);
  }

  /** What was released meanwhile is nobody's loss. */
  async #claimAnew(receipt: string): Promise<boolean> {
    const held = this.#held.get(receipt);
    return held === undefined || this.#keys.claim(held.key, held.owner, this.#ttlMs, held.value);
  }
}

/** A key that is held until it is released or lost. Disposing releases it. */
export interface HeldKey extends AsyncDisposable {
  readonly key: string;
  readonly owner: string;
  /** Aborts with KeyLostError when the key is another's, or may be. */
  readonly lost: AbortSignal;
  /** Resolves when the key is held beyond doubt; rejects with KeyLostError when it is not. */
  confirm(): Promise<void>;
  /** Resolves once others may claim it; again, and after it was lost, it does nothing. Rejects as the key store does: the claim then runs out. */
  release(): Promise<void>;
}

interface KeyHoldOwner {
  readonly confirm: () => Promise<boolean>;
  readonly release: () => Promise<void>;
  readonly forget: () => void;
}

class KeyHold implements HeldKey, Leaseholder {
  readonly key: string;
  readonly owner: string;
  readonly value: string | undefined;
  readonly receipt: string;
  slot: number = NO_SLOT;
  readonly #holder: KeyHoldOwner;
  readonly #lost = new AbortController();

  constructor(key: string, owner: string, value: string | undefined, holder: KeyHoldOwner) {
    this.key = key;
    this.owner = owner;
    this.value = value;
    this.receipt = formatClaim({ key, owner });
    this.#holder = holder;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  async confirm(): Promise<void> {
    if (!(await this.#holder.confirm())) this.leaseLost();
    this.lost.throwIfAborted();
  }

  release(): Promise<void> {
    return this.#holder.release();
  }

  leaseLost(): void {
    this.#holder.forget();
    this.#lost.abort(new KeyLostError(this.key));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
