import { systemClock, uptimeOf, type Clock, type SleepOptions } from "../../src/util/clock.ts";

/** For tests of deadlines with real sockets: time that passes so many times as fast. */
export class QuickClock implements Clock {
  readonly #speed: number;

  constructor(speed: number) {
    this.#speed = speed;
  }

  now(): number {
    return systemClock.now() * this.#speed;
  }

  uptime(): number {
    return uptimeOf(systemClock) * this.#speed;
  }

  sleep(ms: number, options?: SleepOptions): Promise<void> {
    return systemClock.sleep(ms / this.#speed, options);
  }
}
