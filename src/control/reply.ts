import { FieldReader, type Dict } from "../message/fields.ts";
import type { Message } from "../message/message.ts";
import { jsonMessage, readBody } from "./command.ts";

/** What one message of answers says. */
export interface Reply {
  readonly ticket: string;
  /** What the answering node's clock has counted. */
  readonly clock: unknown;
  /** Node → its answer: one node as a rule. */
  readonly answers: Dict;
}

/** Kombu: `pidbox.py:Node.reply`. Throws EncodeError. */
export function encodeReply(node: string, answer: unknown, ticket: string, clock: number): Message {
  return jsonMessage({ [node]: answer }, { ticket, clock });
}

/** Throws UnreadableMessageError. */
export function readReply(message: Message): Reply {
  const headers = new FieldReader(message.headers, "header");
  return { ticket: headers.textOrNull("ticket") ?? "", clock: message.headers["clock"], answers: readBody(message) };
}
