/** RabbitMQ's own unless it was changed, in milliseconds. */
const DEFAULT_MS = 1_800_000;

const TIMED_OUT = /timed out\. Timeout value used: (\d+) ms/;

/** RabbitMQ's `consumer_timeout`, as far as it is known: AMQP tells it only to a consumer from which it has taken all back. */
export class ConsumerTimeout {
  #ms: number;
  readonly #listeners = new Set<() => void>();

  constructor(ms: number = DEFAULT_MS) {
    this.#ms = ms;
  }

  /** In milliseconds. */
  get ms(): number {
    return this.#ms;
  }

  /** Whether these words of the server, with which it closed a channel, are of it. Then they tell how long it is. */
  isNamedBy(text: string): boolean {
    const [, ms] = TIMED_OUT.exec(text) ?? [];
    if (ms === undefined) return false;
    this.#ms = Math.min(this.#ms, Number(ms));
    for (const listener of this.#listeners) listener();
    return true;
  }

  /** Calls `listener` whenever the server has told it. */
  onTold(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }
}
