import type { Abortable } from "../../util/abortable.ts";
import { ClockLeap } from "../../util/clock-leap.ts";
import { uptimeOf, type Clock } from "../../util/clock.ts";

/** Thrice as long as a thread that renews takes to notice the leap too, in milliseconds. */
const PAUSE_MS = 3_000;

/**
 * For those who take what has run out: after the system's time has leapt ahead, by a correction or a laptop's sleep, all that is held seems
 * to have run out, so they wait until the living have renewed.
 */
export class LeapPause {
  readonly #clock: Clock;
  readonly #leap: ClockLeap;
  #until = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#leap = new ClockLeap(clock);
  }

  /** Resolves at once, but for a while after a leap. Rejects with the signal's reason. */
  async rest(options: Abortable = {}): Promise<void> {
    const isAhead = this.#leap.look() > 0;
    const uptime = uptimeOf(this.#clock);
    if (isAhead) this.#until = uptime + PAUSE_MS;
    if (uptime < this.#until) await this.#clock.sleep(this.#until - uptime, options);
  }
}
