import { deferred, type Deferred } from "../util/deferred.ts";

/** A number of slots, and the line of those who wait for one. */
export class Slots {
  readonly #line = new Set<Deferred<boolean>>();
  #size: number;
  #taken = 0;
  #isClosed = false;

  constructor(size: number) {
    this.#size = size;
  }

  get size(): number {
    return this.#size;
  }

  get taken(): number {
    return this.#taken;
  }

  /** Whether there was one. */
  tryTake(): boolean {
    if (this.#isClosed || this.#taken >= this.#size) return false;
    this.#taken += 1;
    return true;
  }

  /** Resolves with true once there is one for the caller, with false when the signal's abort or `close()` came before. */
  async take(signal: AbortSignal): Promise<boolean> {
    if (this.tryTake()) return true;
    if (this.#isClosed || signal.aborted) return false;
    const turn = deferred<boolean>();
    const leave = (): void => {
      this.#line.delete(turn);
      turn.resolve(false);
    };
    signal.addEventListener("abort", leave);
    this.#line.add(turn);
    try {
      return await turn.promise;
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  release(): void {
    this.#taken -= 1;
    this.#admit();
  }

  resize(size: number): void {
    this.#size = size;
    this.#admit();
  }

  /** Nobody gets a slot from now on. */
  close(): void {
    this.#isClosed = true;
    for (const turn of this.#line) turn.resolve(false);
    this.#line.clear();
  }

  #admit(): void {
    for (const turn of this.#line) {
      if (!this.tryTake()) return;
      this.#line.delete(turn);
      turn.resolve(true);
    }
  }
}
