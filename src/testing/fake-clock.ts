import type { Clock, SleepOptions } from "../util/clock.ts";

/** A clock that a test moves. */
export class FakeClock implements Clock {
  readonly #sleepers = new Set<Sleeper>();
  #now: number;
  #moving: Promise<void> = Promise.resolve();

  constructor(start: Date = new Date("2026-01-01T00:00:00Z")) {
    this.#now = start.getTime();
  }

  now(): number {
    return this.#now;
  }

  /** How many sleep now. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  sleep(ms: number, { signal }: SleepOptions = {}): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
    if (ms <= 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#sleepers.delete(sleeper);
        reject(signal?.reason as Error);
      };
      const wake = (): void => {
        this.#sleepers.delete(sleeper);
        signal?.removeEventListener("abort", abort);
        resolve();
      };
      const sleeper: Sleeper = { until: this.#now + ms, wake };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", abort, { once: true });
    });
  }

  /** Lets `ms` milliseconds pass: wakes each sleeper at its time, and lets what that sets off come to rest before the next. */
  advance(ms: number): Promise<void> {
    return this.#move(() => this.#now + ms);
  }

  /** As `advance`, up to a time in milliseconds since the epoch. A time that has passed moves nothing. */
  advanceTo(time: number): Promise<void> {
    return this.#move(() => Math.max(this.#now, time));
  }

  /** As `advance`, up to when the next sleeper wakes. When nobody sleeps, no time passes. */
  advanceToNextWake(): Promise<void> {
    return this.#move(() => this.#next(Infinity)?.until ?? this.#now);
  }

  /** One move after the other, however many are asked for at once: time never goes back. */
  #move(endOf: () => number): Promise<void> {
    this.#moving = this.#moving.then(() => this.#moveTo(endOf()));
    return this.#moving;
  }

  async #moveTo(end: number): Promise<void> {
    await atRest();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#now = Math.max(this.#now, next.until);
      next.wake();
      await atRest();
    }
    this.#now = end;
    await atRest();
  }

  /** The sleeper to wake next, if that is by `end`. Of those with the same time, the one that went to sleep first. */
  #next(end: number): Sleeper | undefined {
    let next: Sleeper | undefined;
    for (const sleeper of this.#sleepers) {
      if (sleeper.until <= end && (next === undefined || sleeper.until < next.until)) next = sleeper;
    }
    return next;
  }
}

interface Sleeper {
  readonly until: number;
  readonly wake: () => void;
}

/** Turns of the event loop after which what needs no time has come to rest. */
const TURNS = 10;

/** Resolves once what needs no time has come to rest. */
export async function atRest(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) await nextTurn();
}

/** Resolves in the next turn of the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
