import { BrokerUnavailableError } from "../../broker/errors.ts";
import { deferred, type Deferred } from "../../util/deferred.ts";
import { atRest, type FakeClock } from "../fake-clock.ts";

/** The longest pause that a sender or a worker makes before it tries again, and more. */
const AFTERMATH_MS = 10_000;

/** What a call to a broker that is away comes to: `refused` rejects at once, `silent` gets no answer until the broker is back. */
export type OutageManner = "refused" | "silent";

/**
 * A time without the broker. It passes by itself as long as somebody waits for the broker, and so does the time in which who waited tries
 * again: nobody else is there to move the clock for code that awaits a send.
 */
export class Outage {
  readonly #clock: FakeClock;
  #until = -Infinity;
  /** Resolved when a silent broker answers again. */
  #silence: Deferred<void> | undefined;
  /** Ends the one sleep that is the outage's own. */
  #ended = new AbortController();
  #isPassing = false;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  get isOn(): boolean {
    return this.#clock.now() < this.#until;
  }

  /** Whether somebody may still be pausing because of it. */
  get isFelt(): boolean {
    return this.#clock.now() < this.#until + AFTERMATH_MS;
  }

  /** Takes the place of an outage that is on. */
  begin(ms: number, manner: OutageManner): void {
    this.end();
    this.#until = this.#clock.now() + ms;
    if (manner === "refused") return;
    this.#silence = deferred();
    this.#ended = new AbortController();
    this.#clock.sleep(ms, { signal: this.#ended.signal }).then(
      () => this.#silence?.resolve(),
      () => undefined, // ended before its time
    );
  }

  end(): void {
    this.#until = Math.min(this.#until, this.#clock.now());
    this.#ended.abort();
    this.#silence?.resolve();
    this.#silence = undefined;
  }

  /** To be passed by every call to the broker. Rejects with BrokerUnavailableError, or keeps the caller waiting. */
  async gate(): Promise<void> {
    while (this.isOn) {
      void this.#passWhileAwaited();
      if (this.#silence === undefined) throw new BrokerUnavailableError("memory:", "a fault keeps it away.");
      await this.#silence.promise;
    }
  }

  /** Lets time pass until it is over. */
  async pass(): Promise<void> {
    if (this.isOn) await this.#clock.advanceTo(this.#until);
  }

  /** Never rejects. */
  async #passWhileAwaited(): Promise<void> {
    if (this.#isPassing) return;
    this.#isPassing = true;
    await atRest();
    while (this.isFelt && this.#sleepers > 0) await this.#clock.advanceToNextWake();
    this.#isPassing = false;
  }

  /** Who else sleeps. */
  get #sleepers(): number {
    return this.#clock.sleeping - (this.#silence === undefined ? 0 : 1);
  }
}
