import { keepListening } from "../../broker/keep-listening.ts";
import type { Broadcaster } from "../../broker/broadcaster.ts";
import type { EventDispatcher } from "../../events/event-dispatcher.ts";
import { EVENT_EXCHANGE, eventRoutingKey, eventsOf } from "../../events/event-message.ts";
import type { Message } from "../../message/message.ts";
import type { Clock } from "../../util/clock.ts";
import type { Logger } from "../../util/logger.ts";

export interface ElectionsOptions {
  readonly broadcaster: Broadcaster;
  readonly dispatcher: Pick<EventDispatcher, "send">;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Elections that are remembered; of more, the oldest are forgotten. */
const MOST = 1_000;

/**
 * Answers the elections of Python's workers: each counts answers until it has as many as there are workers whose heartbeats it hears, and waits for ever where too
 * many are silent. It stands for none itself, for the winner has to run what was asked for, which is Python's. One that stands alone is not answered: a worker of
 * Python that ends an election with no other candidate dies of it. Celery: `celery/worker/consumer/gossip.py:Gossip.on_elect`; Kombu:
 * `clocks.py:LamportClock.sort_heap`.
 */
export class Elections implements AsyncDisposable {
  readonly #dispatcher: Pick<EventDispatcher, "send">;
  readonly #closing = new AbortController();
  readonly #listening: Promise<void>;
  /** Who stands, by the election's id, oldest first. */
  readonly #candidates = new Map<string, Set<string>>();

  constructor({ broadcaster, dispatcher, clock, log }: ElectionsOptions) {
    this.#dispatcher = dispatcher;
    this.#listening = keepListening({
      ...{ broadcaster, exchange: EVENT_EXCHANGE, pattern: eventRoutingKey("worker-elect") },
      ...{ signal: this.#closing.signal, clock, log },
      onMessage: (message) => this.#answer(message),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#listening;
  }

  /** What cannot be read is passed over. */
  #answer(message: Message): void {
    for (const event of readable(message)) {
      if (event.type !== "worker-elect" || typeof event.id !== "string") continue;
      if (this.#isSecond(event.hostname, event.id)) this.#dispatcher.send("worker-elect-ack", { id: event.id });
    }
  }

  /** Whether there are two who stand with this one. */
  #isSecond(candidate: string, id: string): boolean {
    const candidates = this.#candidates.get(id) ?? new Set<string>();
    const isNew = !candidates.has(candidate);
    this.#candidates.set(id, candidates.add(candidate));
    const [oldest] = this.#candidates.keys();
    if (this.#candidates.size > MOST && oldest !== undefined) this.#candidates.delete(oldest);
    return isNew && candidates.size === 2;
  }
}

function readable(message: Message): ReturnType<typeof eventsOf> {
  try {
    return eventsOf(message);
  } catch {
    return [];
  }
}
