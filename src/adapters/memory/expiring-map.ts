import type { Clock } from "../../util/clock.ts";

/** What has expired is swept whenever the entries have doubled since the last sweep, and not below this number. */
const LEAST_SWEEP = 1_000;

/** Values that are gone some time after they were set. */
export class ExpiringMap<Value> {
  readonly #clock: Clock;
  readonly #entries = new Map<string, { readonly value: Value; readonly expiresAt: number }>();
  #sweepAt = LEAST_SWEEP;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(key: string): Value | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && entry.expiresAt > this.#clock.now() ? entry.value : undefined;
  }

  *entries(): Iterable<readonly [key: string, value: Value]> {
    const now = this.#clock.now();
    for (const [key, { value, expiresAt }] of this.#entries) if (expiresAt > now) yield [key, value];
  }

  set(key: string, value: Value, lifeMs: number): void {
    this.#entries.set(key, { value, expiresAt: this.#clock.now() + lifeMs });
    if (this.#entries.size > this.#sweepAt) this.#sweep();
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  #sweep(): void {
    const now = this.#clock.now();
    for (const [key, { expiresAt }] of this.#entries) if (expiresAt <= now) this.#entries.delete(key);
    this.#sweepAt = Math.max(LEAST_SWEEP, this.#entries.size * 2);
  }
}
