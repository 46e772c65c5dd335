import { uptimeOf, type Clock } from "./clock.ts";

/** What the system's time may drift or be corrected by between two looks without anybody's minding, in milliseconds. */
const TOLERANCE_MS = 1_000;

/**
 * Notices when the system's time was set, or went on while the machine slept: between two looks it has then changed by more than has passed.
 * A clock without `uptime` never leaps.
 */
export class ClockLeap {
  readonly #clock: Clock;
  #offset: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#offset = this.#readOffset();
  }

  /** By how many milliseconds the time has leapt since the last look; negative for back, 0 for not at all. */
  look(): number {
    const before = this.#offset;
    this.#offset = this.#readOffset();
    const leap = this.#offset - before;
    return Math.abs(leap) > TOLERANCE_MS ? leap : 0;
  }

  #readOffset(): number {
    return this.#clock.now() - uptimeOf(this.#clock);
  }
}
