import type { Broadcaster } from "../broker/broadcaster.ts";
import type { Clock } from "../util/clock.ts";
import { toError } from "../util/errors.ts";
import type { Logger } from "../util/logger.ts";
import { startTimer } from "../util/timer.ts";
import type { EventFields, EventType } from "./event.ts";
import { encodeEvent, eventListMessage, eventMessage, eventRoutingKey, TASK_EVENTS_KEY } from "./event-message.ts";
import { EventOutbox } from "./event-outbox.ts";
import type { LamportClock } from "./lamport-clock.ts";

/**
 * A list of task events is sent when it is so long, has so many characters, or its first event has waited so many milliseconds. A worker that runs
 * thousands of short tasks so sends a hundredth of the messages, and a monitor sees no delay; Celery's lists have 24, once for each turn of its loop.
 */
const MAX_LIST_LENGTH = 100;
const MAX_LIST_CHARACTERS = 256 * 1024;
const MAX_LIST_WAIT_MS = 20;

export interface EventDispatcherOptions {
  /** Node name of the sender. */
  readonly hostname: string;
  /** Undefined where the broker has no pub/sub: nothing is sent then. */
  readonly broadcaster: Broadcaster | undefined;
  /** Counts on with every event. */
  readonly lamport: LamportClock;
  /** Whether task events are sent from the beginning. */
  readonly taskEvents: boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Sends the events of one node. Nobody waits for it: events of tasks go in lists, all others at once, and what the broker does not take in
 * time is dropped. Celery: `celery/events/dispatcher.py:EventDispatcher`.
 */
export class EventDispatcher implements AsyncDisposable {
  readonly #options: EventDispatcherOptions;
  readonly #outbox: EventOutbox | undefined;
  #sendsTaskEvents: boolean;
  /** Task events that wait, as JSON. */
  #list: string[] = [];
  #characters = 0;
  #stopTimer: (() => void) | undefined;

  constructor(options: EventDispatcherOptions) {
    this.#options = options;
    const { broadcaster, clock, log, taskEvents } = options;
    if (broadcaster !== undefined) this.#outbox = new EventOutbox({ broadcaster, clock, log });
    this.#sendsTaskEvents = taskEvents && broadcaster !== undefined;
  }

  /** Whether a task event that is sent now goes out: who would have to compute its fields asks first. */
  get sendsTaskEvents(): boolean {
    return this.#sendsTaskEvents;
  }

  /** Whether the broker did not take the last that it was given. */
  get isAway(): boolean {
    return this.#outbox?.isAway ?? false;
  }

  /** Sends task events from now on. False when nothing changes by that. Celery: the remote control command `enable_events`. */
  enable(): boolean {
    if (this.#sendsTaskEvents || this.#outbox === undefined) return false;
    this.#sendsTaskEvents = true;
    return true;
  }

  /** Sends no more task events. False when nothing changes by that. Celery: the remote control command `disable_events`. */
  disable(): boolean {
    const didSend = this.#sendsTaskEvents;
    this.#sendsTaskEvents = false;
    return didSend;
  }

  /** Never throws. Task events are left out while they are disabled. */
  send<T extends EventType>(type: T, fields: EventFields[T]): void {
    const outbox = this.#outbox;
    const isOfTask = type.startsWith("task-");
    if (outbox === undefined || (isOfTask && !this.#sendsTaskEvents)) return;
    const event = this.#encode(type, fields);
    if (event === undefined) return;
    if (isOfTask && type !== "task-sent") {
      this.#enlist(event);
    } else {
      this.#flush(); // what comes later must not overtake
      const message = eventMessage(this.#options.hostname, event);
      outbox.put({ message, routingKey: eventRoutingKey(type), events: 1 });
    }
  }

  /** Sends what waits, within about a second. Calling it again is fine. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#flush();
    this.#sendsTaskEvents = false;
    await this.#outbox?.[Symbol.asyncDispose]();
  }

  #encode<T extends EventType>(type: T, fields: EventFields[T]): string | undefined {
    const { hostname, lamport, clock, log } = this.#options;
    const now = clock.now();
    const utcoffset = new Date(now).getTimezoneOffset() / 60;
    const common = { hostname, utcoffset, pid: process.pid, clock: lamport.forward(), timestamp: now / 1000 };
    try {
      return encodeEvent(type, common, fields);
    } catch (error) {
      log.debug("event not sent", { type, error: toError(error).message });
      return undefined;
    }
  }

  #enlist(event: string): void {
    this.#list.push(event);
    this.#characters += event.length;
    if (this.#list.length >= MAX_LIST_LENGTH || this.#characters >= MAX_LIST_CHARACTERS) this.#flush();
    else this.#stopTimer ??= startTimer(this.#options.clock, MAX_LIST_WAIT_MS, () => this.#flush());
  }

  #flush(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    const events = this.#list;
    if (events.length === 0) return;
    this.#list = [];
    this.#characters = 0;
    const message = eventListMessage(this.#options.hostname, events);
    this.#outbox?.put({ message, routingKey: TASK_EVENTS_KEY, events: events.length });
  }
}
