import type { Clock } from "../../util/clock.ts";
import { toError } from "../../util/errors.ts";
import type { Logger } from "../../util/logger.ts";
import { BrokerUnavailableError } from "../errors.ts";
import type { StoreConnection } from "./store-connection.ts";

/** How often a consumer says that it is there, in milliseconds, and how long each time counts: two may be missed. */
const INTERVAL_MS = 5_000;
const TTL_MS = 15_000;

export interface AttendanceOptions {
  /** Names the consumer in the whole fleet. */
  readonly consumer: string;
  readonly queues: ReadonlySet<string>;
  readonly connection: StoreConnection;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Tells the store again and again which queues a consumer consumes from, until it is disposed. It keeps the process alive. */
export class Attendance implements AsyncDisposable {
  readonly #options: AttendanceOptions;
  readonly #attending: Promise<void>;
  #ended = false;
  #told = false;
  #pause = new AbortController();

  constructor(options: AttendanceOptions) {
    this.#options = options;
    this.#attending = this.#attend();
  }

  /** The queues have changed: tell the store now. */
  refresh(): void {
    this.#pause.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    this.#pause.abort();
    await this.#attending;
  }

  async #attend(): Promise<void> {
    while (!this.#ended) {
      this.#pause = new AbortController();
      await this.#tell([...this.#options.queues], TTL_MS);
      // A refresh ends the pause early.
      await this.#options.clock.sleep(INTERVAL_MS, { signal: this.#pause.signal }).catch(() => undefined);
    }
    if (this.#told) await this.#tell([], 0);
  }

  async #tell(queues: readonly string[], ttlMs: number): Promise<void> {
    const { connection, consumer, log } = this.#options;
    try {
      await connection.run((store) => store.attend(consumer, queues, ttlMs));
      this.#told = true;
    } catch (error) {
      // A lost broker is told of by its state; the next interval tries again.
      if (error instanceof BrokerUnavailableError) return;
      log.error("attendance not noted", { error: toError(error).message });
    }
  }
}
