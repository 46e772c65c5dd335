import type { Clock, SleepOptions } from "../util/clock.ts";
import { deferred } from "../util/deferred.ts";
import type { Deferred } from "../util/deferred.ts";
import { untilAborted } from "../util/until-aborted.ts";

/** A clock for one part of a test that can stand still, as for a process that is stopped: nobody who sleeps on it wakes until it goes on. */
export class StallableClock implements Clock {
  readonly #clock: Clock;
  #stalled: Deferred<void> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  async sleep(ms: number, options: SleepOptions = {}): Promise<void> {
    await this.#clock.sleep(ms, options);
    while (this.#stalled !== undefined) await untilAborted(this.#stalled.promise, options.signal);
  }

  stall(): void {
    this.#stalled ??= deferred();
  }

  resume(): void {
    this.#stalled?.resolve();
    this.#stalled = undefined;
  }
}
