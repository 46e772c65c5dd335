import { abortedByAny } from "../../util/aborted-by-any.ts";
import { Batcher } from "../../util/batcher.ts";
import { systemClock, type Clock } from "../../util/clock.ts";
import { toError } from "../../util/errors.ts";
import type { Logger } from "../../util/logger.ts";
import { BrokerUnavailableError } from "../errors.ts";
import { LeaseTable, renewTable } from "./lease-table.ts";
import { watchLoop } from "./loop-watch.ts";
import { renewalThread, type ThreadTableHandle } from "./renewal-thread.ts";
import type { RenewerSource } from "./renewer.ts";

/** A lease is renewed so often before it runs out: two renewals may fail. */
const RENEWALS_PER_LEASE = 3;
/** And no less often than this, in milliseconds: stores may shorten leases that nobody has renewed for a minute, when the clock was set back. */
const LONGEST_INTERVAL_MS = 20_000;

/** After so many intervals without a renewal by the thread, the event loop renews as well. */
const PATIENCE = 1.5;

/** Who holds a lease, and must know when it is gone. */
export interface Leaseholder {
  readonly receipt: string;
  /** Where the receipt stands in its keeper's table; for the keeper alone, and NO_SLOT to begin with. */
  slot: number;
  leaseLost(): void;
}

/** The slot of who holds nothing. */
export const NO_SLOT = -1;

export interface LeaseKeeperOptions {
  /** Renews these receipts and returns those that were no longer held. */
  readonly renew: (receipts: readonly string[]) => Promise<readonly string[]>;
  /** How to renew from a thread; it is used where the clock is the system's. */
  readonly renewer?: RenewerSource | undefined;
  /** How long a lease lasts without being renewed, in milliseconds. */
  readonly leaseMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Renews leases, in one call per interval however many they are: from a thread where there is a renewer for it, which a blocked event loop
 * cannot stop; else, and while the thread does not, from the event loop.
 */
export class LeaseKeeper implements AsyncDisposable {
  readonly #options: LeaseKeeperOptions;
  readonly #intervalMs: number;
  /** By slot: a map by receipt would change with every task. */
  readonly #holders: (Leaseholder | undefined)[] = [];
  /** How many they are. */
  #size = 0;
  readonly #table = new LeaseTable((memory) => this.#thread?.move(memory));
  readonly #confirmations = new Batcher<Leaseholder, boolean>((holders) => this.#confirmAll(holders));
  readonly #disposed = new AbortController();
  #thread: ThreadTableHandle | undefined;
  #dropped: Promise<void> = Promise.resolve();
  #keeping = false;
  #isFailing = false;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
    this.#intervalMs = Math.min(options.leaseMs / RENEWALS_PER_LEASE, LONGEST_INTERVAL_MS);
  }

  /** Has the thread ready, where one can be used. To be called before anything is held; calling it again is fine. */
  start(): void {
    const { renewer, clock, leaseMs } = this.#options;
    if (renewer === undefined || clock !== systemClock || this.#disposed.signal.aborted) return;
    this.#thread ??= renewalThread.keep({
      memory: this.#table.view.memory,
      source: renewer,
      leaseMs,
      intervalMs: this.#intervalMs,
      onLost: () => this.#tellLost(),
      onFailed: (error) => this.#noteFailure(error),
    });
  }

  /** Does without the thread from now on; resolves once it has let go. What is held still is renewed by the event loop. */
  async stop(): Promise<void> {
    if (this.#thread !== undefined) this.#dropped = this.#thread.drop();
    this.#thread = undefined;
    await this.#dropped;
  }

  /** `since` is when the lease began, or a moment before, in milliseconds since the epoch. */
  hold(holder: Leaseholder, since: number): void {
    holder.slot = this.#table.hold(holder.receipt, since);
    this.#holders[holder.slot] = holder;
    this.#size += 1;
    if (!this.#keeping) void this.#keep();
  }

  /** Calling it again, or for who holds nothing, is fine. */
  release(holder: Leaseholder): void {
    if (!this.#has(holder)) return;
    this.#holders[holder.slot] = undefined;
    this.#size -= 1;
    this.#table.release(holder.slot);
    holder.slot = NO_SLOT;
  }

  /**
   * Whether the lease is held: at once when it was renewed so lately that this is sure for another interval, else after renewing it. The
   * time since then says what nobody could tell meanwhile, as after SIGSTOP or a laptop's sleep. Rejects as `renew` does.
   */
  async confirm(holder: Leaseholder): Promise<boolean> {
    if (!this.#has(holder)) return false;
    return this.isSure(holder) || this.#confirmations.add(holder);
  }

  /** Whether the lease is held and was renewed so lately that `confirm` has nothing to ask. */
  isSure(holder: Leaseholder): boolean {
    if (!this.#has(holder)) return false;
    const age = this.#options.clock.now() - this.#table.renewedAt(holder.slot);
    // A time set back makes it negative.
    return age >= 0 && age < this.#options.leaseMs - this.#intervalMs && !this.#table.isLost(holder.slot);
  }

  /** Until when the lease lasts without another renewal, in milliseconds since the epoch; 0 for who holds nothing. */
  heldUntil(holder: Leaseholder): number {
    return this.#has(holder) ? this.#table.renewedAt(holder.slot) + this.#options.leaseMs : 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed.abort();
    for (const holder of this.#holders) if (holder !== undefined) this.release(holder);
    await this.stop();
  }

  /** Ends by itself an interval after the last release, and never rejects. */
  async #keep(): Promise<void> {
    const { clock } = this.#options;
    this.#keeping = true;
    const idle = new AbortController();
    void abortedByAny([idle.signal, this.#disposed.signal], (signal) => this.#watchLoop(signal));
    while (this.#size > 0) {
      try {
        await clock.sleep(this.#intervalMs, { signal: this.#disposed.signal, ref: false });
      } catch {
        break;
      }
      if (!this.#isRenewedByThread()) await this.#renew();
    }
    idle.abort();
    this.#keeping = false;
  }

  #isRenewedByThread(): boolean {
    const age = this.#options.clock.now() - this.#table.view.lastRound;
    const isOnTime = age >= 0 && age < PATIENCE * this.#intervalMs;
    if (isOnTime) this.#isFailing = false;
    return this.#thread !== undefined && isOnTime;
  }

  async #renew(): Promise<void> {
    const { renew, clock, log } = this.#options;
    try {
      if ((await renewTable(this.#table.view, renew, () => clock.now())) > 0) this.#tellLost();
    } catch (error) {
      // A lost broker is told of by its state; the next interval tries again.
      if (error instanceof BrokerUnavailableError) return;
      log.error("leases not renewed", { error: toError(error).message });
    }
  }

  #has(holder: Leaseholder): boolean {
    return this.#holders[holder.slot] === holder;
  }

  async #confirmAll(holders: readonly Leaseholder[]): Promise<readonly boolean[]> {
    const { renew, clock } = this.#options;
    const at = clock.now();
    const lost = new Set(await renew(holders.map(({ receipt }) => receipt)));
    for (const holder of holders) {
      if (!this.#has(holder)) continue;
      if (lost.has(holder.receipt)) this.#lose(holder);
      else this.#table.noteRenewal(holder.slot, at);
    }
    return holders.map(({ receipt }) => !lost.has(receipt));
  }

  #tellLost(): void {
    for (const holder of [...this.#holders])
      if (holder !== undefined && this.#has(holder) && this.#table.isLost(holder.slot)) this.#lose(holder);
  }

  #lose(holder: Leaseholder): void {
    this.release(holder);
    holder.leaseLost();
  }

  #noteFailure(error: string): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#options.log.warn("leases not renewed by their thread; the event loop does", { error });
  }

  async #watchLoop(signal: AbortSignal): Promise<void> {
    const { clock, log, leaseMs } = this.#options;
    const onBlocked = (blockedMs: number): void => log.warn("event loop was blocked", { blockedMs, leaseMs });
    await watchLoop({ clock, longestMs: this.#intervalMs, onBlocked, signal });
  }
}
