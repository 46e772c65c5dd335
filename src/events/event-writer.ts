import { encodeJson } from "../message/json.ts";
import type { EventFields, EventType } from "./event.ts";

/** An event that is to be told. */
export interface HappenedEvent<T extends EventType = EventType> {
  readonly type: T;
  readonly fields: EventFields[T];
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
  /** What the sender's Lamport clock told. */
  readonly clock: number;
}

/** How long the offset of the local time zone is taken as known, in milliseconds. */
const ZONE_MS = 60_000;

/** Writes the events of one node as JSON. What is the same for all of them, or for all of one millisecond, is written once. */
export class EventWriter {
  /** As JSON. */
  readonly #hostname: string;
  /** All that stands before an event's clock. */
  #head = "";
  #headSince = -Infinity;
  #now = NaN;
  /** The timestamp, as it is written. */
  #timestamp = "";

  /** For the node of this name. */
  constructor(hostname: string) {
    this.#hostname = JSON.stringify(hostname);
  }

  /** Throws EncodeError. */
  write<T extends EventType>({ type, fields, now, clock }: HappenedEvent<T>): string {
    if (now !== this.#now) this.#setTime(now);
    const write = FREQUENT[type] as ((fields: EventFields[T]) => string) | undefined;
    const own = write === undefined ? encodeJson(fields, type).slice(1, -1) : write(fields);
    return `${this.#head}${clock},${own},"timestamp":${this.#timestamp},"type":"${type}"}`;
  }

  #setTime(now: number): void {
    this.#now = now;
    this.#timestamp = String(now / 1000);
    if (Math.abs(now - this.#headSince) < ZONE_MS) return;
    const utcoffset = new Date(now).getTimezoneOffset() / 60;
    this.#head = `{"hostname":${this.#hostname},"utcoffset":${utcoffset},"pid":${process.pid},"clock":`;
    this.#headSince = now;
  }
}

/** The fields of those that a worker tells of every task, put together by hand: `JSON.stringify` takes three times as long. */
const FREQUENT: { readonly [T in EventType]?: (fields: EventFields[T]) => string } = {
  "task-received": ({ uuid, name, args, kwargs, root_id, parent_id, retries, eta, expires }) =>
    `"uuid":${text(uuid)},"name":${text(name)},"args":${text(args)},"kwargs":${text(kwargs)},"root_id":${text(root_id)}` +
    `,"parent_id":${text(parent_id)},"retries":${retries},"eta":${text(eta)},"expires":${text(expires)}`,
  "task-started": ({ uuid }) => `"uuid":${text(uuid)}`,
  "task-succeeded": ({ uuid, result, runtime }) => `"uuid":${text(uuid)},"result":${text(result)},"runtime":${runtime}`,
};

function text(value: string | null): string {
  if (value === null) return "null";
  return PLAIN.test(value) ? `"${value}"` : JSON.stringify(value);
}

/** Text that needs no escapes. */
const PLAIN = /^[ !#-[\]-~]*$/;
