/** Gives the events of one node to a broker. Nobody waits for it. Ends when disposed: what it has is sent first, within about a second. */
export interface EventSender extends AsyncDisposable {
  /** Whether the broker did not take the last that it was given. */
  readonly isAway: boolean;
  /** Sends them, in their order and behind what it was given before. Never throws. Does nothing once disposed. */
  put(written: readonly WrittenEvents[]): void;
}

/** Events that happened one after another and go the same way. */
export interface WrittenEvents {
  /** Those of `TASK_EVENTS_KEY` may share a message, all others have one each. */
  readonly routingKey: string;
  /** The JSON of each. */
  readonly events: readonly string[];
}

export function countOf(written: readonly WrittenEvents[]): number {
  return written.reduce((sum, { events }) => sum + events.length, 0);
}
