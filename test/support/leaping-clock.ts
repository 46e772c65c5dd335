import { systemClock, uptimeOf, type Clock, type SleepOptions } from "../../src/util/clock.ts";

/** The system's time as it is after it was set, for all who share this clock. */
export class LeapingClock implements Clock {
  #leapMs = 0;

  /** The time goes on from so many milliseconds later; negative for earlier. */
  leap(ms: number): void {
    this.#leapMs += ms;
  }

  now(): number {
    return systemClock.now() + this.#leapMs;
  }

  uptime(): number {
    return uptimeOf(systemClock);
  }

  sleep(ms: number, options?: SleepOptions): Promise<void> {
    return systemClock.sleep(ms, options);
  }
}
