import type { Broadcaster } from "../broker/broadcaster.ts";
import { BrokerUnavailableError } from "../broker/errors.ts";
import type { Message } from "../message/message.ts";
import { atMost } from "../util/at-most.ts";
import type { Clock } from "../util/clock.ts";
import { toError } from "../util/errors.ts";
import type { Logger } from "../util/logger.ts";
import { EVENT_EXCHANGE, TASK_EVENTS_KEY } from "./event-message.ts";

/** Bodies of messages that may wait or be on their way, in bytes: a second or two of a worker that does nothing but send events. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;
/** Messages that are handed to the broker at once. */
const MAX_AT_ONCE = 100;
/** Pause before what the broker did not take is sent again, in milliseconds. */
const RETRY_MS = 1_000;
/** How long what waits may take to be sent when all is over, in milliseconds. */
const LAST_MS = 1_000;

export interface EventOutboxOptions {
  readonly broadcaster: Broadcaster;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told whether the broker did not take the last that it was given, when that changes. */
  readonly onAway?: ((isAway: boolean) => void) | undefined;
}

export interface OutgoingEvents {
  readonly message: Message;
  readonly routingKey: string;
  /** How many events it has. */
  readonly events: number;
}

/**
 * Messages on their way to the broker, in order. Whoever puts one in waits for nothing. While the broker is slow or away a bounded number waits; the
 * rest is dropped and counted. What was on its way when a connection was lost may arrive twice.
 */
export class EventOutbox implements AsyncDisposable {
  readonly #options: EventOutboxOptions;
  readonly #closing = new AbortController();
  #waiting: OutgoingEvents[] = [];
  #bytes = 0;
  #dropped = 0;
  #isAway = false;
  #isClosed = false;
  #working: Promise<void> | undefined;

  constructor(options: EventOutboxOptions) {
    this.#options = options;
  }

  /** Whether the broker did not take the last that it was given. */
  get isAway(): boolean {
    return this.#isAway;
  }

  /** Never throws. Does nothing once disposed. */
  put(outgoing: OutgoingEvents): void {
    const bytes = outgoing.message.body.length;
    if (this.#isClosed) return;
    if (this.#bytes + bytes > MAX_WAITING_BYTES && outgoing.routingKey === TASK_EVENTS_KEY) {
      this.#drop(outgoing, "too many wait");
      return;
    }
    this.#bytes += bytes;
    this.#waiting.push(outgoing);
    this.#working ??= this.#work();
  }

  /** Sends what waits, within a second, and then drops the rest. Calling it again is fine. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await atMost(LAST_MS, Promise.resolve(this.#working), this.#options.clock);
    this.#isClosed = true;
    for (const outgoing of this.#waiting.splice(0)) this.#drop(outgoing, "the sender ends");
    this.#tellDropped();
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MAX_AT_ONCE);
      const left = await this.#send(batch);
      this.#noteAway(left.length > 0);
      if (!this.#isAway) continue;
      this.#waiting.unshift(...left);
      if (this.#closing.signal.aborted) break;
      await this.#pause();
    }
    this.#working = undefined;
    if (this.#waiting.length === 0) this.#tellDropped();
  }

  #noteAway(isAway: boolean): void {
    if (isAway !== this.#isAway) this.#options.onAway?.(isAway);
    this.#isAway = isAway;
  }

  /** Those that may be sent again. */
  async #send(batch: readonly OutgoingEvents[]): Promise<readonly OutgoingEvents[]> {
    const { broadcaster } = this.#options;
    const outcomes = await Promise.allSettled(
      batch.map(async ({ message, routingKey }) => broadcaster.broadcast(message, EVENT_EXCHANGE, routingKey)),
    );
    const left: OutgoingEvents[] = [];
    outcomes.forEach((outcome, index) => {
      const outgoing = batch[index] as OutgoingEvents;
      if (outcome.status === "rejected" && outcome.reason instanceof BrokerUnavailableError) {
        left.push(outgoing);
        return;
      }
      this.#bytes -= outgoing.message.body.length;
      if (outcome.status === "rejected") this.#drop(outgoing, toError(outcome.reason).message);
    });
    return left;
  }

  #pause(): Promise<void> {
    const { clock } = this.#options;
    return clock.sleep(RETRY_MS, { signal: this.#closing.signal, ref: false }).catch(() => undefined);
  }

  #drop({ events }: OutgoingEvents, reason: string): void {
    if (this.#dropped === 0) this.#options.log.warn("events are dropped", { reason });
    this.#dropped += events;
  }

  #tellDropped(): void {
    if (this.#dropped > 0) this.#options.log.warn("events were dropped", { events: this.#dropped });
    this.#dropped = 0;
  }
}
