import type { QueuePause, QueuePauses } from "../app/queue-pauses.ts";
import type { Consumer } from "../broker/broker.ts";
import type { Clock } from "../util/clock.ts";
import { toError } from "../util/errors.ts";
import type { Logger } from "../util/logger.ts";

/** How often it is looked which queues are paused, in milliseconds, for those that did not hear of it. */
const LOOK_MS = 3_000;

export interface PausedQueuesOptions {
  readonly pauses: Pick<QueuePauses, "read">;
  /** What the worker consumes unless it is paused, which may change. */
  readonly queues: ReadonlySet<string>;
  readonly clock: Clock;
  readonly log: Logger;
}

type SteeredConsumer = Pick<Consumer, "add" | "cancel" | "pause" | "resume">;

/** Keeps a worker's consumer from the queues that are paused for the whole cluster. It stays their consumer, so that they are neither unused nor left to expire. */
export class PausedQueues implements Disposable {
  readonly #options: PausedQueuesOptions;
  readonly #disposed = new AbortController();
  /** What the consumer was told of each queue: whether it is paused. */
  readonly #told = new Map<string, boolean>();
  /** Queues whose pause, or that they have none, was read: of others nobody knows. */
  #known: ReadonlySet<string> = new Set();
  #paused: ReadonlyMap<string, QueuePause> = new Map();
  #consumer: SteeredConsumer | undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor(options: PausedQueuesOptions) {
    this.#options = options;
  }

  /** Undefined for a queue that is not paused. */
  get(queue: string): QueuePause | undefined {
    return this.#paused.get(queue);
  }

  /** What is to be taken from, for a consumer that is being made. */
  get open(): readonly string[] {
    return [...this.#options.queues].filter((queue) => this.#known.has(queue) && !this.#paused.has(queue));
  }

  /** Steers a consumer, which consumes from what was `open` in this turn, and looks every few seconds from now on. */
  steer(consumer: SteeredConsumer): void {
    for (const queue of this.open) this.#told.set(queue, false);
    this.#consumer = consumer;
    this.apply();
    void this.#watch();
  }

  /** Resolves once what is stored now has been done: what came before that goes first. Rejects as the key store does. */
  look(): Promise<void> {
    const look = (): Promise<void> => this.#look();
    const looked = this.#looking.then(look);
    this.#looking = looked.catch(() => undefined); // whoever asked for it is told
    return looked;
  }

  /** Brings the consumer to what is known of the queues. */
  apply(): void {
    const consumer = this.#consumer;
    if (consumer === undefined || this.#disposed.signal.aborted) return;
    const { queues } = this.#options;
    for (const queue of this.#told.keys()) {
      if (queues.has(queue)) continue;
      consumer.cancel(queue);
      this.#told.delete(queue);
    }
    for (const queue of queues) if (this.#known.has(queue)) this.#applyTo(queue, consumer);
  }

  #applyTo(queue: string, consumer: SteeredConsumer): void {
    const isPaused = this.#paused.has(queue);
    const told = this.#told.get(queue);
    if (told === isPaused) return;
    if (isPaused) consumer.pause(queue);
    else if (told === true) consumer.resume(queue);
    if (told === undefined) consumer.add(queue);
    this.#told.set(queue, isPaused);
  }

  [Symbol.dispose](): void {
    this.#disposed.abort();
  }

  async #look(): Promise<void> {
    const { pauses, queues } = this.#options;
    const names = [...queues];
    const paused = await pauses.read(names);
    if (this.#disposed.signal.aborted) return;
    this.#tell(paused);
    this.#paused = paused;
    this.#known = new Set(names);
    this.apply();
  }

  #tell(paused: ReadonlyMap<string, QueuePause>): void {
    const { log, queues } = this.#options;
    for (const [queue, { since, by, reason }] of paused) {
      if (!this.#paused.has(queue))
        log.warn("queue paused, nothing is taken from it", { queue, since: since.toISOString(), by, reason });
    }
    for (const queue of this.#paused.keys()) {
      if (!paused.has(queue) && queues.has(queue)) log.info("queue resumed", { queue });
    }
  }

  /** Never rejects. What cannot be read stays as it was. */
  async #watch(): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#disposed;
    for (;;) {
      await clock.sleep(LOOK_MS, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.look();
      } catch (error) {
        log.debug("pauses of queues not read", { error: toError(error).message });
      }
    }
  }
}
