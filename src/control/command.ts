import { UnreadableMessageError } from "../message/errors.ts";
import { FieldReader, isDict, type Dict } from "../message/fields.ts";
import type { Message } from "../message/message.ts";
import { jsonSerializer } from "../message/serializer.ts";

/** A command to workers, as it is broadcast. Kombu: `pidbox.py:Mailbox._publish`. */
export interface Command {
  /** `ping`, `revoke`, … */
  readonly method: string;
  readonly arguments: Dict;
  readonly audience: Audience;
  /** Where the answer goes; undefined where none is wanted. */
  readonly replyTo?: ReplyTo | undefined;
}

/** Which nodes a command is for: those that are named, else those whose name matches the pattern, else all. */
export interface Audience {
  /** Names of nodes: `celery@host`. @default none */
  readonly destination?: readonly string[] | undefined;
  readonly pattern?: string | undefined;
  /** `glob` has `*`, `?` and `[…]`; `pcre` matches from the beginning of the name. Any other reaches nobody. */
  readonly matcher?: string | undefined;
}

export interface ReplyTo {
  readonly exchange: string;
  readonly routingKey: string;
  /** Tells the answers to one command from those to another. */
  readonly ticket: string;
}

/** What a message says besides its command: what the sender's clock has counted. */
export interface CommandMessage {
  readonly command: Command;
  readonly clock: unknown;
}

/** `expiresAt`, in milliseconds since the epoch, is until when somebody waits for an answer; undefined where nobody does. Throws EncodeError. */
export function encodeCommand(
  { method, arguments: args, audience, replyTo }: Command,
  { clock, expiresAt }: { readonly clock: number; readonly expiresAt: number | undefined },
): Message {
  const { destination, pattern, matcher } = audience;
  const body = {
    method,
    arguments: args,
    destination: destination ?? null,
    pattern: pattern ?? null,
    matcher: matcher ?? null,
    ...(replyTo === undefined
      ? {}
      : {
          ticket: replyTo.ticket,
          reply_to: { exchange: replyTo.exchange, routing_key: replyTo.routingKey },
        }),
  };
  const expires = expiresAt === undefined ? 0 : expiresAt / 1000;
  return jsonMessage(body, { clock, expires });
}

/** Throws UnreadableMessageError. */
export function readCommand(message: Message): CommandMessage {
  const body = readBody(message);
  const reader = new FieldReader(body, "field");
  const command: Command = {
    method: reader.text("method"),
    arguments: reader.dict("arguments"),
    audience: {
      destination: destinationIn(body),
      pattern: reader.textOrNull("pattern") ?? undefined,
      matcher: reader.textOrNull("matcher") ?? undefined,
    },
    replyTo: replyToIn(reader),
  };
  return { command, clock: message.headers["clock"] };
}

/** What is said in JSON between nodes, for nobody to keep. */
export function jsonMessage(body: unknown, headers: Message["headers"]): Message {
  const { contentType, contentEncoding } = jsonSerializer;
  return {
    body: jsonSerializer.encode(body),
    contentType,
    contentEncoding,
    headers,
    properties: { deliveryMode: 1, priority: 0 },
  };
}

/** The object that a message's body is. Throws UnreadableMessageError. */
export function readBody(message: Message): Dict {
  const body = jsonSerializer.decode(message.body);
  if (!isDict(body)) throw new UnreadableMessageError("its body is not an object");
  return body;
}

/** One name may stand for a list of it. None is everyone; what cannot be read must not be taken for that. */
function destinationIn({ destination }: Dict): readonly string[] | undefined {
  if (destination === undefined || destination === null || destination === "") return undefined;
  const names = typeof destination === "string" ? [destination] : destination;
  if (Array.isArray(names) && names.every((name) => typeof name === "string")) return names;
  throw new UnreadableMessageError('the field "destination" is not a list of names');
}

function replyToIn(reader: FieldReader): ReplyTo | undefined {
  const replyTo = reader.dict("reply_to");
  if (Object.keys(replyTo).length === 0) return undefined;
  const address = new FieldReader(replyTo, "reply_to");
  return {
    exchange: address.text("exchange"),
    routingKey: address.text("routing_key"),
    ticket: reader.textOrNull("ticket") ?? "",
  };
}
