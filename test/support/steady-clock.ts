import { FakeClock } from "../../src/testing/fake-clock.ts";

/** A clock that a test moves, with an uptime: for what is measured apart from the time of day. */
export class SteadyClock extends FakeClock {
  #skipped = 0;
  readonly #start = this.now();

  override now(): number {
    return super.now() + this.#skipped;
  }

  uptime(): number {
    return 1_000 + this.now() - this.#start;
  }

  /** Time goes by in which nobody runs, as under SIGSTOP: who sleeps does not wake. */
  skip(ms: number): void {
    this.#skipped += ms;
  }
}
