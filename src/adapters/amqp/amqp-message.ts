import type { Message as AmqpDelivered, MessageProperties as AmqpProperties, Options } from "amqplib";
import type { DeadLetterReason, DeliveryNote } from "../../broker/broker.ts";
import type { Message } from "../../message/message.ts";
import { wideIntegers } from "./wide-integers.ts";

/** Before the names of the headers that are ours. They are stripped before anybody is handed the message. */
const OWN = "x-celeriac-";
const DELIVERIES = `${OWN}deliveries`;
/** JSON of the notes. */
const HISTORY = `${OWN}history`;
/** The sender named no delivery mode; it is kept on the disk all the same. */
const NO_MODE = `${OWN}no-mode`;
/** `expirationMs`. By AMQP's own property RabbitMQ would throw the message away while it waits, and who waits for its result would never hear of it. */
const EXPIRATION = `${OWN}expiration`;
/** JSON of a `Death`. */
const DEAD = `${OWN}dead`;
/** By what the consumer that sent it to itself knows it. */
const KEPT = `${OWN}kept`;

/** Longer details are cut: AMQP's headers have no room for them. */
const MAX_DETAIL = 500;

/** What RabbitMQ itself adds on a message's way, and would not understand on another. */
const SERVERS_HEADERS =
  /^x-(?:death|delivery-count|acquired-count|(?:first|last)-death-(?:exchange|queue|reason)|opt-.*|stream-offset)$/;

/** What is sent to an exchange. */
export interface Outgoing {
  readonly exchange: string;
  readonly routingKey: string;
  readonly content: Buffer;
  readonly properties: Options.Publish;
}

/** What our own headers say of a message. */
export interface Marks {
  /** How often it was handed out before, where RabbitMQ does not count it. */
  readonly deliveries: number;
  readonly history: readonly DeliveryNote[];
}

export interface Death {
  readonly id: string;
  readonly queue: string;
  readonly reason: DeadLetterReason;
  readonly deliveries: number;
  /** In milliseconds since the epoch. */
  readonly at: number;
}

/** As Celery's own messages look (kombu/transport/pyamqp.py). Mandatory: what no queue would get comes back. */
export function toAmqp({
  body,
  contentType,
  contentEncoding,
  headers,
  properties,
}: Message): Pick<Outgoing, "content" | "properties"> {
  const { correlationId, replyTo, priority, deliveryMode, appId } = properties;
  return {
    content: Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength),
    properties: {
      mandatory: true,
      contentType,
      contentEncoding,
      headers: wideIntegers(withOurs(headers, properties)),
      deliveryMode: deliveryMode ?? 2,
      priority,
      correlationId,
      replyTo,
      appId,
    } as Options.Publish,
  };
}

function withOurs(
  headers: Message["headers"],
  { deliveryMode, expirationMs }: Message["properties"],
): Readonly<Record<string, unknown>> {
  if (deliveryMode !== undefined && expirationMs === undefined) return headers;
  return {
    ...headers,
    ...(deliveryMode === undefined && { [NO_MODE]: true }),
    ...(expirationMs !== undefined && { [EXPIRATION]: `${expirationMs}` }),
  };
}

export function fromAmqp({ content, properties }: AmqpDelivered): Message {
  const headers = properties.headers ?? {};
  const { contentType, contentEncoding, correlationId, replyTo, priority, deliveryMode, appId } =
    properties as TypedProperties;
  const expiration: unknown = properties.expiration ?? headers[EXPIRATION];
  return {
    body: content,
    contentType: contentType ?? "application/octet-stream",
    contentEncoding: contentEncoding ?? "binary",
    headers: isServersOrOurs(headers) ? withoutThose(headers) : headers,
    properties: {
      ...(correlationId === undefined ? {} : { correlationId }),
      ...(replyTo === undefined ? {} : { replyTo }),
      ...(priority === undefined ? {} : { priority }),
      ...(deliveryMode === undefined || headers[NO_MODE] === true ? {} : { deliveryMode }),
      ...(expiration === undefined ? {} : { expirationMs: Number(expiration) }),
      ...(appId === undefined ? {} : { appId }),
    },
  };
}

type TypedProperties = Partial<
  Record<Exclude<keyof AmqpProperties, "headers" | "priority" | "deliveryMode">, string>
> & {
  readonly priority?: number;
  readonly deliveryMode?: 1 | 2;
};

const NO_MARKS: Marks = { deliveries: 0, history: [] };

export function marksOf({ properties }: AmqpDelivered): Marks {
  const headers = properties.headers ?? {};
  if (headers[DELIVERIES] === undefined && headers[HISTORY] === undefined) return NO_MARKS;
  return { deliveries: Number(headers[DELIVERIES] ?? 0), history: parseHistory(headers[HISTORY]) };
}

/** How often a quorum queue has had the message back; undefined of other queues, and before the first time. */
export function countOfQuorum({ properties }: AmqpDelivered): number | undefined {
  const count: unknown = properties.headers?.["x-delivery-count"];
  return typeof count === "number" ? count : undefined;
}

/** The same message once more, for a queue: whole as it came, with marks of ours. RabbitMQ's own headers begin anew. */
export function copyOf(
  { content, properties }: AmqpDelivered,
  { deliveries, history }: Marks,
  death?: Death,
): Pick<Outgoing, "content" | "properties"> {
  const headers: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(properties.headers ?? {})) {
    // What CC names was routed to when it was first sent.
    if (!SERVERS_HEADERS.test(name) && name !== "CC") headers[name] = value;
  }
  for (const mark of [DELIVERIES, HISTORY, DEAD, KEPT]) Reflect.deleteProperty(headers, mark);
  if (deliveries > 0) headers[DELIVERIES] = deliveries;
  if (history.length > 0) headers[HISTORY] = JSON.stringify(history.map(shortened));
  if (death !== undefined) headers[DEAD] = JSON.stringify({ ...death, reason: shortened(death.reason) });
  // RabbitMQ refuses another user's name.
  const { userId: _, clusterId: __, expiration, ...kept } = { ...properties } as Readonly<Record<string, unknown>>;
  if (expiration !== undefined) headers[EXPIRATION] = expiration;
  return { content, properties: { ...kept, headers: wideIntegers(headers), mandatory: true } };
}

/** The same for a consumer that holds it already, which knows it by this. */
export function keptCopyOf(message: AmqpDelivered, marks: Marks, id: string): ReturnType<typeof copyOf> {
  const { content, properties } = copyOf(message, marks);
  return { content, properties: { ...properties, headers: { ...(properties.headers as object), [KEPT]: id } } };
}

export function keptIdOf({ properties }: AmqpDelivered): string | undefined {
  return properties.headers?.[KEPT] as string | undefined;
}

/** What a dead letter died of, where that is written by us. */
export function deathOf({ properties }: AmqpDelivered): Death | undefined {
  const text: unknown = properties.headers?.[DEAD];
  if (typeof text !== "string") return undefined;
  try {
    return JSON.parse(text) as Death;
  } catch {
    return undefined;
  }
}

function shortened<R extends DeadLetterReason>(reason: R): R {
  return reason.detail.length <= MAX_DETAIL
    ? reason
    : { ...reason, detail: `${reason.detail.slice(0, MAX_DETAIL - 1)}…` };
}

function parseHistory(text: unknown): readonly DeliveryNote[] {
  if (typeof text !== "string") return [];
  try {
    const notes = JSON.parse(text) as readonly (DeadLetterReason & { readonly at: string })[];
    return notes.map(({ at, code, detail }) => ({ at: new Date(at), code, detail }));
  } catch {
    return [];
  }
}

function isServersOrOurs(headers: Readonly<Record<string, unknown>>): boolean {
  for (const name in headers) if (isX(name) && (name.startsWith(OWN) || SERVERS_HEADERS.test(name))) return true;
  return false;
}

function isX(name: string): boolean {
  return name.charCodeAt(0) === 120 && name.charCodeAt(1) === 45;
}

function withoutThose(headers: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !name.startsWith(OWN) && !SERVERS_HEADERS.test(name)),
  );
}
