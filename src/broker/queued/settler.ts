import { exponentialBackoff } from "../../util/backoff.ts";
import { Batcher } from "../../util/batcher.ts";
import type { Clock } from "../../util/clock.ts";
import type { Settlement } from "./message-store.ts";
import { isRefusal, type StoreConnection } from "./store-connection.ts";

/** A settlement that is to be made. */
export interface Owed {
  readonly settlement: Settlement;
  /** Until when nobody else is handed the message, in milliseconds since the epoch. */
  readonly heldUntil: number;
}

export interface SettlerOptions {
  readonly connection: StoreConnection;
  readonly clock: Clock;
  /** Aborted when there is time for one more attempt and no pause before it. */
  readonly ending: AbortSignal;
}

const RETRY = { baseMs: 100, maxMs: 2_000 } as const;

/** Settles in batches, and again and again while the broker is away: then nobody else gets the messages either. */
export class Settler {
  readonly #options: SettlerOptions;
  readonly #batcher: Batcher<Owed, boolean>;
  /** What an attempt that failed may have done all the same: its answer was lost, or it was refused for the sake of another. */
  readonly #tried = new WeakSet<Owed>();

  constructor(options: SettlerOptions) {
    this.#options = options;
    this.#batcher = new Batcher((owed) => this.#settle(owed), { isolates: isRefusal });
  }

  /** `onSettled` is told whether the message was held still. Neither function may throw. */
  submit(owed: Owed, onSettled: (isHeld: boolean) => void, onFailed: (error: unknown) => void): void {
    this.#batcher.submit(owed, onSettled, onFailed);
  }

  /** What has been submitted goes to the store now, before what is asked of it next. */
  flush(): void {
    this.#batcher.flush();
  }

  /** Resolves once nothing is waiting or under way. */
  idle(): Promise<void> {
    return this.#batcher.idle();
  }

  async #settle(owed: readonly Owed[]): Promise<readonly boolean[]> {
    const { connection, clock, ending } = this.#options;
    const settlements = owed.map(({ settlement }) => settlement);
    for (let failures = 0; ; failures += 1) {
      try {
        const lost = new Set(await connection.run((store) => store.settle(settlements)));
        const now = clock.now();
        // While the lease lasts, nobody else can have done it.
        const isOurDoing = (each: Owed): boolean => this.#tried.has(each) && now < each.heldUntil;
        return owed.map((each) => !lost.has(each.settlement.receipt) || isOurDoing(each));
      } catch (error) {
        for (const each of owed) this.#tried.add(each);
        if (isRefusal(error) || ending.aborted) throw error;
      }
      // The end comes before the pause is over; then comes the last attempt.
      await clock.sleep(exponentialBackoff(failures, RETRY), { signal: ending }).catch(() => undefined);
    }
  }
}
