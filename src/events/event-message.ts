import { UnreadableMessageError } from "../message/errors.ts";
import { encodeJson } from "../message/json.ts";
import type { Message } from "../message/message.ts";
import { serializerFor, utf8Bytes } from "../message/serializer.ts";
import type { Exchange } from "../routing/topology.ts";
import type { CeleryEvent, CommonEventFields } from "./event.ts";

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

/** One event as JSON, put together by hand: an object of so many fields takes several times as long. Throws EncodeError. */
export function encodeEvent(type: string, common: CommonEventFields, own: object): string {
  const { hostname, utcoffset, pid, clock, timestamp } = common;
  const ownText = encodeJson(own, type).slice(1, -1);
  const head = `{"hostname":${JSON.stringify(hostname)},"utcoffset":${utcoffset},"pid":${pid},"clock":${clock}`;
  return `${head}${ownText === "" ? "" : ","}${ownText},"timestamp":${timestamp},"type":${JSON.stringify(type)}}`;
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

/** The sender's own fields are taken as they are; a clock that is missing is 0, which puts nothing in order. */
function readEvent(value: unknown): CeleryEvent | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { hostname, utcoffset, pid, clock, timestamp, type, uuid, ...own } = value as Readonly<Record<string, unknown>>;
  if (typeof type !== "string" || typeof hostname !== "string" || !isNumber(timestamp)) return undefined;
  if (type.startsWith("task-") && typeof uuid !== "string") return undefined;
  const event: Readonly<Record<string, unknown>> = {
    hostname,
    utcoffset: isNumber(utcoffset) ? utcoffset : 0,
    pid: isNumber(pid) ? pid : 0,
    clock: isNumber(clock) ? clock : 0,
    ...(uuid === undefined ? {} : { uuid }),
    ...own,
    timestamp,
    type,
  };
  return event as unknown as CeleryEvent;
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}
