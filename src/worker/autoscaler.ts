import type { Dict } from "../message/fields.ts";
import type { Clock } from "../util/clock.ts";
import type { Logger } from "../util/logger.ts";

/** Between which sizes a worker scales itself. */
export interface AutoscaleOptions {
  /** The most tasks that run at once. */
  readonly max: number;
  /** The fewest places that are kept; 0 is taken for 1, since one has to wait for work. @default 1 */
  readonly min?: number;
}

/** What is undefined stays. */
export interface RangeChange {
  readonly max: number | undefined;
  readonly min: number | undefined;
}

export interface AutoscalerOptions {
  readonly range: AutoscaleOptions;
  /** How many places the worker has. */
  readonly size: () => number;
  /** How many messages it has in hand now. */
  readonly inHand: () => number;
  /** Gives the worker so many places; what runs goes on. */
  readonly resize: (size: number) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How often it looks, in milliseconds: doubling each time, a worker has a hundred places within two seconds. */
const LOOK_MS = 250;
/** How long a place must have been idle before it goes, in milliseconds. Celery: `celery/worker/autoscale.py:AUTOSCALE_KEEPALIVE`. */
const KEEPALIVE_MS = 30_000;
/** A worker with more is nobody's intention. */
export const MOST_PLACES = 10_000;

/**
 * Gives a worker more places when all are taken, and takes away those that have been idle for a while. Beside those that wait for their rate limit it takes no more messages than it has
 * places, so that all being taken is all that it knows of what waits. One place more than were used is left: it shows whether more are needed.
 */
export class Autoscaler implements Disposable {
  readonly #options: AutoscalerOptions;
  readonly #ended = new AbortController();
  #range: Required<AutoscaleOptions>;
  /** The most messages in hand since the last look. */
  #peak = 0;
  /** When each place was last in use, in milliseconds since the epoch: as many as there were messages at once. */
  readonly #usedAt: number[] = [];

  /** Throws RangeError for a range that is none. */
  constructor(options: AutoscalerOptions) {
    this.#options = options;
    this.#range = checkedRange(options.range);
  }

  get range(): Required<AutoscaleOptions> {
    return this.#range;
  }

  /** Under Celery's names. Celery: `celery/worker/autoscale.py:Autoscaler.info`. */
  get info(): Dict {
    const { size, inHand } = this.#options;
    return { ...this.#range, current: size(), qty: inHand() };
  }

  /** Looks from now on, until it is disposed. */
  begin(): void {
    void this.#lookOn();
  }

  /** Says how many messages are in hand when one more has come. */
  note(inHand: number): void {
    if (inHand > this.#peak) this.#peak = inHand;
  }

  /** Changes the range, and the worker at once where it is outside. Throws RangeError for a range that is none; then nothing has changed. */
  update({ max = this.#range.max, min = this.#range.min }: RangeChange): Required<AutoscaleOptions> {
    this.#range = checkedRange({ max, min });
    this.#scale(within(this.#options.size(), this.#range));
    return this.#range;
  }

  [Symbol.dispose](): void {
    this.#ended.abort();
  }

  /** Never rejects. */
  async #lookOn(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#ended;
    for (;;) {
      await clock.sleep(LOOK_MS, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      this.#look();
    }
  }

  #look(): void {
    const { clock, size: sizeNow, inHand } = this.#options;
    const size = sizeNow();
    const peak = this.#peak;
    this.#peak = inHand();
    this.#useUntil(Math.min(peak, size));
    const isFull = peak >= size;
    const recently = clock.now() - KEEPALIVE_MS;
    const used = this.#usedAt.findLastIndex((usedAt) => usedAt > recently) + 1;
    const wanted = isFull ? 2 * size : Math.min(size, used + 1);
    this.#scale(within(wanted, this.#range));
  }

  #scale(wanted: number): void {
    const { size: sizeNow, resize, log } = this.#options;
    const size = sizeNow();
    if (wanted === size) return;
    resize(wanted);
    // None goes soon after it has come.
    if (wanted > size) this.#useUntil(wanted);
    else this.#usedAt.length = Math.min(this.#usedAt.length, wanted);
    log.info("scaled", { from: size, to: wanted, ...this.#range });
  }

  #useUntil(place: number): void {
    const now = this.#options.clock.now();
    for (let used = 0; used < place; used += 1) this.#usedAt[used] = now;
  }
}

function within(size: number, { max, min }: Required<AutoscaleOptions>): number {
  return Math.max(min, Math.min(size, max));
}

function checkedRange({ max, min = 1 }: AutoscaleOptions): Required<AutoscaleOptions> {
  for (const [name, value, least] of [["max", max, 1] as const, ["min", min, 0] as const]) {
    if (Number.isSafeInteger(value) && value >= least && value <= MOST_PLACES) continue;
    const expected = `a whole number from ${String(least)} to ${String(MOST_PLACES)}`;
    throw new RangeError(`autoscale: "${name}" must be ${expected}, not ${String(value)}.`);
  }
  if (min > max)
    throw new RangeError(`autoscale: "min" must be no more than "max", which is ${String(max)}, not ${String(min)}.`);
  return { max, min: Math.max(min, 1) };
}
