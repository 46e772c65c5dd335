/** Counts the tasks that run though the broker has forgotten their messages: it would hand out others in their place, and nothing runs those. */
export class PlacesApart {
  readonly #onCount: (count: number) => void;
  #count = 0;

  /** `onCount` is told of every change. */
  constructor(onCount: (count: number) => void) {
    this.#onCount = onCount;
  }

  take(): void {
    this.#onCount((this.#count += 1));
  }

  leave(): void {
    this.#onCount((this.#count -= 1));
  }
}
