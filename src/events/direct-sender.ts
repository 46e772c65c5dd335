import type { Broadcaster } from "../broker/broadcaster.ts";
import type { Clock } from "../util/clock.ts";
import type { Logger } from "../util/logger.ts";
import { startTimer } from "../util/timer.ts";
import { eventListMessage, eventMessage, TASK_EVENTS_KEY } from "./event-message.ts";
import { EventOutbox } from "./event-outbox.ts";
import type { EventSender, WrittenEvents } from "./event-sender.ts";

/**
 * A list of task events is sent when it is so long, has so many characters, or its first event has waited so many milliseconds. A worker that runs
 * thousands of short tasks so sends a hundredth of the messages, and a monitor sees no delay; Celery's lists have 24, once for each turn of its loop.
 */
const MAX_LIST_LENGTH = 100;
const MAX_LIST_CHARACTERS = 256 * 1024;
const MAX_LIST_WAIT_MS = 20;

export interface DirectSenderOptions {
  /** Node name of the sender. */
  readonly hostname: string;
  readonly broadcaster: Broadcaster;
  readonly clock: Clock;
  readonly log: Logger;
  /** As `EventOutboxOptions` has it. */
  readonly onAway?: (isAway: boolean) => void;
}

/** Sends what a worker tells of its tasks in lists, all else at once. What the broker does not take in time is dropped. */
export class DirectSender implements EventSender {
  readonly #options: DirectSenderOptions;
  readonly #outbox: EventOutbox;
  /** Task events that wait, as JSON. */
  #list: string[] = [];
  #characters = 0;
  #stopTimer: (() => void) | undefined;

  constructor(options: DirectSenderOptions) {
    this.#options = options;
    this.#outbox = new EventOutbox(options);
  }

  get isAway(): boolean {
    return this.#outbox.isAway;
  }

  put(written: readonly WrittenEvents[]): void {
    for (const { routingKey, events } of written) {
      for (const event of events) {
        if (routingKey === TASK_EVENTS_KEY) this.#enlist(event);
        else this.#sendAlone(event, routingKey);
      }
    }
  }

  /** Calling it again is fine. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#sendList();
    await this.#outbox[Symbol.asyncDispose]();
  }

  #enlist(event: string): void {
    this.#list.push(event);
    this.#characters += event.length;
    if (this.#list.length >= MAX_LIST_LENGTH || this.#characters >= MAX_LIST_CHARACTERS) this.#sendList();
    else this.#stopTimer ??= startTimer(this.#options.clock, MAX_LIST_WAIT_MS, () => this.#sendList());
  }

  /** What comes later must not overtake. */
  #sendAlone(event: string, routingKey: string): void {
    this.#sendList();
    this.#outbox.put({ message: eventMessage(this.#options.hostname, event), routingKey, events: 1 });
  }

  #sendList(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    const events = this.#list;
    if (events.length === 0) return;
    this.#list = [];
    this.#characters = 0;
    const message = eventListMessage(this.#options.hostname, events);
    this.#outbox.put({ message, routingKey: TASK_EVENTS_KEY, events: events.length });
  }
}
