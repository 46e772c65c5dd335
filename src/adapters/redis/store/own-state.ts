import type { DeliveryNote, UniqueKey } from "../../../broker/broker.ts";
import type { Envelope } from "../envelope.ts";

/**
 * What this store keeps with a message, in the envelope itself: so it goes wherever the message goes, also through a Python worker's hands,
 * and is gone with it. Most messages have none.
 */
export interface OwnState {
  /** Hand-outs that count, before this one. */
  readonly deliveries?: number;
  readonly history?: readonly StoredNote[];
  readonly unique?: OwnKey;
}

/** The time in ms since the epoch. */
interface StoredNote {
  readonly at: number;
  readonly code: string;
  readonly detail: string;
}

/** The state to be kept. The unique key stands last: by the three braces at its end, a script knows an envelope that has one without reading it. */
export function ownState({ deliveries, history, unique }: OwnState): OwnState {
  return {
    ...(deliveries === undefined ? {} : { deliveries }),
    ...(history === undefined || history.length === 0 ? {} : { history }),
    ...(unique === undefined ? {} : { unique }),
  };
}

export type OwnKey = Pick<UniqueKey, "key" | "until">;

/** What can be read of it: anybody may have written the envelope. */
export function stateIn({ own }: Envelope): OwnState {
  if (!isObject(own)) return {};
  const { deliveries, history, unique } = own;
  return ownState({
    ...(typeof deliveries === "number" ? { deliveries } : {}),
    ...(Array.isArray(history) ? { history: history.filter(isNote) } : {}),
    ...(isKey(unique) ? { unique } : {}),
  });
}

/** What was handed out before: by us, or at least once by Kombu, which does not count. */
export function deliveriesBefore(envelope: Envelope): number {
  return stateIn(envelope).deliveries ?? (envelope.isRedelivered ? 1 : 0);
}

export function historyIn({ history = [] }: OwnState): readonly DeliveryNote[] {
  return history.map(({ at, code, detail }) => ({ at: new Date(at), code, detail }));
}

export function storedHistory(history: readonly DeliveryNote[]): readonly StoredNote[] {
  return history.map(({ at, code, detail }) => ({ at: at.getTime(), code, detail }));
}

function isNote(value: unknown): value is StoredNote {
  if (!isObject(value)) return false;
  const { at, code, detail } = value;
  return typeof at === "number" && typeof code === "string" && typeof detail === "string";
}

function isKey(value: unknown): value is OwnKey {
  if (!isObject(value)) return false;
  const { key, until } = value;
  return typeof key === "string" && (until === "start" || until === "end");
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
