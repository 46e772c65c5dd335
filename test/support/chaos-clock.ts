import { systemClock, type Clock, type SleepOptions } from "../../src/util/clock.ts";

/** Longer sleeps are those that `skip` ends, in milliseconds. */
const LONG_MS = 60_000;

/** The system's time, which a test may set, as an administrator does. Every clock is another connection to an SQLite file, as a process of its own has. */
export class ChaosClock implements Clock {
  readonly #time: { offset: number };
  readonly #skips = new Set<() => void>();

  constructor(time: { offset: number } = { offset: 0 }) {
    this.#time = time;
  }

  /** Another process of the same machine. */
  another(): ChaosClock {
    return new ChaosClock(this.#time);
  }

  /** Sets the time forward, or back. */
  leap(ms: number): void {
    this.#time.offset += ms;
  }

  /** Ends all sleeps of a minute or more, such as that between two rounds of maintenance. */
  skip(): void {
    for (const skip of this.#skips) skip();
    this.#skips.clear();
  }

  now(): number {
    return systemClock.now() + this.#time.offset;
  }

  uptime(): number {
    return performance.now();
  }

  async sleep(ms: number, options?: SleepOptions): Promise<void> {
    if (ms < LONG_MS) return systemClock.sleep(ms, options);
    const skipped = new Promise<void>((resolve) => this.#skips.add(resolve));
    return Promise.race([skipped, systemClock.sleep(ms, options)]);
  }
}
