import type { Broadcaster, Listener } from "../broker/broadcaster.ts";
import { UnreadableMessageError } from "../message/errors.ts";
import type { Message } from "../message/message.ts";
import type { Abortable } from "../util/abortable.ts";
import type { Clock } from "../util/clock.ts";
import type { CeleryEvent } from "./event.ts";
import { EVENT_EXCHANGE, eventsOf } from "./event-message.ts";
import { LamportClock } from "./lamport-clock.ts";

export interface EventReceiverOptions extends Abortable {
  /** A topic pattern of routing keys: `worker.#`. Workers send task events in lists, whose key is `task.multi`. @default "#" */
  readonly pattern?: string;
}

/** An event as it was received. */
export type ReceivedEvent = CeleryEvent & {
  /** When it was read here, in seconds since the Unix epoch. */
  readonly local_received: number;
};

/**
 * Gives the events of all nodes one by one, from when it listens. What is not fetched in time waits in a bounded number, and then is dropped; what is
 * no event is passed over. Ends when it is disposed. Celery: `celery/events/receiver.py:EventReceiver`.
 *
 * Timestamps are the senders': they are not moved by the difference of time zones, as Celery's receiver does, for they do not depend on it.
 */
export class EventReceiver implements AsyncIterable<ReceivedEvent>, AsyncDisposable {
  readonly #listener: Listener;
  readonly #clock: Clock;
  readonly #lamport = new LamportClock();

  /** Resolves once it listens: what is sent after that arrives. Rejects with BrokerUnavailableError. */
  static async listen(
    broadcaster: Broadcaster,
    { clock, pattern = "#", ...abortable }: EventReceiverOptions & { readonly clock: Clock },
  ): Promise<EventReceiver> {
    return new EventReceiver(await broadcaster.listen(EVENT_EXCHANGE, { pattern, ...abortable }), clock);
  }

  private constructor(listener: Listener, clock: Clock) {
    this.#listener = listener;
    this.#clock = clock;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ReceivedEvent, void> {
    for await (const message of this.#listener) {
      for (const event of readableEvents(message)) yield this.#received(event);
    }
  }

  /** Calling it again is fine. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener[Symbol.asyncDispose]();
  }

  #received(event: CeleryEvent): ReceivedEvent {
    return Object.assign(event, { clock: this.#clockOf(event), local_received: this.#clock.now() / 1000 });
  }

  /** Producers hear of nobody, so that their own counts mean nothing: theirs is what was counted here before. */
  #clockOf({ type, clock }: CeleryEvent): number {
    const lamport = this.#lamport;
    if (type !== "task-sent" && clock === 0) return lamport.forward();
    const counted = type === "task-sent" ? Math.max(lamport.value, 1) - 1 : clock;
    lamport.adjust(counted);
    return counted;
  }
}

function readableEvents(message: Message): readonly CeleryEvent[] {
  try {
    return eventsOf(message);
  } catch (error) {
    if (error instanceof UnreadableMessageError) return [];
    throw error;
  }
}
