const MOST = 2 ** 52;

/** Counts what this process does and hears of, so that events of several can be put in order. Celery: `kombu/clocks.py:LamportClock`. */
export class LamportClock {
  #value: number;

  constructor(value = 0) {
    this.#value = value;
  }

  get value(): number {
    return this.#value;
  }

  /** One step on; gives the new value. */
  forward(): number {
    this.#value += 1;
    return this.#value;
  }

  /** Takes over what another clock of the same node has counted; that is no step. */
  catchUp(counted: number): void {
    this.#value = Math.max(this.#value, counted);
  }

  /** Goes past what another process has counted; what nobody can have counted is passed over. */
  adjust(heard: unknown): number {
    if (Number.isSafeInteger(heard) && (heard as number) < MOST) this.#value = Math.max(this.#value, heard as number);
    return this.forward();
  }
}
