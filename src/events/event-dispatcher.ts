import type { Clock } from "../util/clock.ts";
import { endOfTurn } from "../util/end-of-turn.ts";
import { toError } from "../util/errors.ts";
import type { Logger } from "../util/logger.ts";
import { eventRoutingKey, TASK_EVENTS_KEY } from "./event-message.ts";
import type { EventSender, WrittenEvents } from "./event-sender.ts";
import { EventWriter } from "./event-writer.ts";
import { isListed, type EventFields, type EventType, type ListedEventType } from "./event.ts";
import type { LamportClock } from "./lamport-clock.ts";

export interface EventDispatcherOptions {
  /** Name of the node whose events they are. */
  readonly hostname: string;
  /** Disposed of with the dispatcher. Undefined where the broker has no pub/sub: nothing is sent then. */
  readonly sender: EventSender | undefined;
  /** Counts on with every event. */
  readonly lamport: LamportClock;
  /** Whether a worker's task events are sent from the beginning. */
  readonly taskEvents: boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

interface NotedEvent {
  readonly type: EventType;
  readonly describe: () => object;
  readonly now: number;
  readonly clock: number;
}

/** Writes the events of one node for their sender. Nobody waits for it. Celery: `celery/events/dispatcher.py:EventDispatcher`. */
export class EventDispatcher implements AsyncDisposable {
  readonly #options: EventDispatcherOptions;
  readonly #writer: EventWriter;
  #sendsTaskEvents: boolean;
  /** Task events of this turn of the event loop. */
  #noted: NotedEvent[] = [];

  constructor(options: EventDispatcherOptions) {
    this.#options = options;
    this.#writer = new EventWriter(options.hostname);
    this.#sendsTaskEvents = options.taskEvents && options.sender !== undefined;
  }

  /** Whether a task event that is noted now goes out: who would have to compute something for it asks first. */
  get sendsTaskEvents(): boolean {
    return this.#sendsTaskEvents;
  }

  /** Whether the broker did not take the last that it was given. */
  get isAway(): boolean {
    return this.#options.sender?.isAway ?? false;
  }

  /** Sends task events from now on. False when nothing changes by that. Celery: the remote control command `enable_events`. */
  enable(): boolean {
    if (this.#sendsTaskEvents || this.#options.sender === undefined) return false;
    this.#sendsTaskEvents = true;
    return true;
  }

  /** Sends no more task events. False when nothing changes by that. Celery: the remote control command `disable_events`. */
  disable(): boolean {
    const didSend = this.#sendsTaskEvents;
    this.#sendsTaskEvents = false;
    return didSend;
  }

  /** Sends an event at once, behind all that was noted before. Never throws. */
  send<T extends Exclude<EventType, ListedEventType>>(type: T, fields: EventFields[T]): void {
    const { sender } = this.#options;
    if (sender === undefined) return;
    this.#note(type, () => fields);
    this.#tellNoted();
  }

  /**
   * Sends an event of a task, unless task events are disabled. `describe` is called when this turn of the event loop has done its work: what the tasks
   * have to say to the broker goes first. It may throw, and nothing is sent then. Never throws itself.
   */
  note<T extends ListedEventType>(type: T, describe: () => EventFields[T]): void {
    if (!this.#sendsTaskEvents) return;
    this.#note(type, describe);
    if (this.#noted.length === 1) void endOfTurn().then(() => this.#tellNoted());
  }

  /** Sends what waits, within about a second. Calling it again is fine. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#tellNoted();
    this.#sendsTaskEvents = false;
    await this.#options.sender?.[Symbol.asyncDispose]();
  }

  #note(type: EventType, describe: () => object): void {
    const { clock, lamport } = this.#options;
    this.#noted.push({ type, describe, now: clock.now(), clock: lamport.forward() });
  }

  #tellNoted(): void {
    const noted = this.#noted;
    if (noted.length === 0) return;
    this.#noted = [];
    this.#options.sender?.put(this.#inWords(noted));
  }

  #inWords(noted: readonly NotedEvent[]): readonly WrittenEvents[] {
    const written: { readonly routingKey: string; readonly events: string[] }[] = [];
    for (const one of noted) {
      const event = this.#write(one);
      if (event === undefined) continue;
      const routingKey = isListed(one.type) ? TASK_EVENTS_KEY : eventRoutingKey(one.type);
      const last = written.at(-1);
      if (last?.routingKey === routingKey) last.events.push(event);
      else written.push({ routingKey, events: [event] });
    }
    return written;
  }

  #write({ type, describe, now, clock }: NotedEvent): string | undefined {
    try {
      return this.#writer.write({ type, fields: describe() as EventFields[EventType], now, clock });
    } catch (error) {
      this.#options.log.debug("event not sent", { type, error: toError(error).message });
      return undefined;
    }
  }
}
