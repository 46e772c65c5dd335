import { UnreadableMessageError } from "../message/errors.ts";
import type { Message } from "../message/message.ts";
import { serializerFor, utf8Bytes } from "../message/serializer.ts";
import type { Exchange } from "../routing/topology.ts";
import type { CeleryEvent } from "./event.ts";

/** Where events go. Celery: `celery/events/event.py:event_exchange`. */
export const EVENT_EXCHANGE: Exchange = { name: "celeryev", type: "topic" };

/** Routing key of a list of task events. */
export const TASK_EVENTS_KEY = "task.multi";

/** Largest body that is read, in bytes. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** `worker-elect-ack` → `worker.elect.ack`. */
export function eventRoutingKey(type: string): string {
  return type.replaceAll("-", ".");
}

/** The message of one event, from its JSON. */
export function eventMessage(hostname: string, event: string): Message {
  return messageOf(hostname, event);
}

/** The message of a list of events, from the JSON of each. */
export function eventListMessage(hostname: string, events: readonly string[]): Message {
  return messageOf(hostname, `[${events.join(",")}]`);
}

function messageOf(hostname: string, json: string): Message {
  return {
    body: utf8Bytes(json),
    contentType: "application/json",
    contentEncoding: "utf-8",
    headers: { hostname },
    properties: { deliveryMode: 1 },
  };
}

/**
 * The events of a message, which has one or a list of them; what is no event in a list is left out. Throws UnreadableMessageError.
 * Celery: `celery/events/receiver.py:EventReceiver._receive`.
 */
export function eventsOf({ body, contentType }: Message): readonly CeleryEvent[] {
  if (body.length > MAX_BODY_BYTES) throw new UnreadableMessageError(`its body has more than ${MAX_BODY_BYTES} bytes`);
  const value = serializerFor(contentType, ["json"]).decode(body);
  if (Array.isArray(value)) return value.flatMap((item: unknown) => readEvent(item) ?? []);
  const event = readEvent(value);
  if (event === undefined) throw new UnreadableMessageError("it is no event");
  return [event];
}

/** The sender's own fields are taken as they are; a clock that is missing is 0, which puts nothing in order. What was parsed becomes the event: monitors hear of hundred thousands. */
function readEvent(value: unknown): CeleryEvent | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const event = value as Record<string, unknown>;
  const { hostname, timestamp, type, uuid } = event;
  if (typeof type !== "string" || typeof hostname !== "string" || !isNumber(timestamp)) return undefined;
  if (type.startsWith("task-") && typeof uuid !== "string") return undefined;
  for (const name of COUNTED) if (!isNumber(event[name])) event[name] = 0;
  return event as unknown as CeleryEvent;
}

const COUNTED = ["utcoffset", "pid", "clock"] as const;

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}
