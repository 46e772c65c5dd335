import type { Clock } from "../../util/clock.ts";
import { toError } from "../../util/errors.ts";
import type { Logger } from "../../util/logger.ts";
import { BrokerUnavailableError } from "../errors.ts";

/** Who must know when a lease is gone. */
export interface Leaseholder {
  leaseLost(): void;
}

export interface LeaseKeeperOptions {
  /** Renews these receipts and returns those that were no longer held. */
  readonly renew: (receipts: readonly string[]) => Promise<readonly string[]>;
  /** Time between two renewals, in milliseconds. */
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Renews the leases of all unsettled deliveries of one broker, in one call per interval however many they are. */
export class LeaseKeeper implements Disposable {
  readonly #options: LeaseKeeperOptions;
  readonly #holders = new Map<string, Leaseholder>();
  readonly #disposed = new AbortController();
  #keeping = false;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
  }

  hold(receipt: string, holder: Leaseholder): void {
    this.#holders.set(receipt, holder);
    if (!this.#keeping) void this.#keep();
  }

  release(receipt: string): void {
    this.#holders.delete(receipt);
  }

  [Symbol.dispose](): void {
    this.#holders.clear();
    this.#disposed.abort();
  }

  /** Ends by itself an interval after the last release, and never rejects. */
  async #keep(): Promise<void> {
    const { clock, intervalMs } = this.#options;
    this.#keeping = true;
    while (this.#holders.size > 0) {
      try {
        await clock.sleep(intervalMs, { signal: this.#disposed.signal, ref: false });
      } catch {
        break;
      }
      await this.#renew();
    }
    this.#keeping = false;
  }

  async #renew(): Promise<void> {
    if (this.#holders.size === 0) return;
    try {
      for (const receipt of await this.#options.renew([...this.#holders.keys()])) this.#lose(receipt);
    } catch (error) {
      // A lost broker is told of by its state; the next interval tries again.
      if (error instanceof BrokerUnavailableError) return;
      this.#options.log.error("leases not renewed", { error: toError(error).message });
    }
  }

  /** A receipt that was released while the renewal was under way has nobody to tell. */
  #lose(receipt: string): void {
    const holder = this.#holders.get(receipt);
    this.#holders.delete(receipt);
    holder?.leaseLost();
  }
}
