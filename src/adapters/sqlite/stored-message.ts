import type { Message } from "../../message/message.ts";

/** A message in two columns: its body as it is, and all else as JSON. */
export interface StoredMessage {
  readonly head: string;
  readonly body: Uint8Array;
}

export function encodeHead(message: Message): string {
  const { contentType, contentEncoding, headers, properties } = message;
  return JSON.stringify({ contentType, contentEncoding, headers, properties });
}

export function decodeMessage(row: StoredMessage): Message {
  return { ...(JSON.parse(row.head) as Omit<Message, "body">), body: row.body };
}
