import type { EventFields, EventType } from "./event.ts";

/** Puts the events of one node into words, and gives them to a broker. Nobody waits for it. Ends when disposed: what it has is sent first, within about a second. */
export interface EventSender extends AsyncDisposable {
  /** Whether the broker did not take the last that it was given. */
  readonly isAway: boolean;
  /** Sends them, in their order and behind what it was given before. Never throws. Does nothing once disposed. */
  put(events: readonly HappenedEvent[]): void;
}

/** An event that is to be told. */
export interface HappenedEvent<T extends EventType = EventType> {
  readonly type: T;
  readonly fields: EventFields[T];
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
  /** What the sender's Lamport clock told. */
  readonly clock: number;
}
