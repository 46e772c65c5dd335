import type { Message } from "../../message/message.ts";

/** A message in two columns: its body as it is, and all else as JSON. */
export interface StoredMessage {
  readonly head: string;
  readonly body: Uint8Array;
}

/** Why a message whose head is no JSON of ours is a dead letter. */
export const UNREADABLE = "unreadable";

export function encodeHead(message: Message): string {
  const { contentType, contentEncoding, headers, properties } = message;
  return JSON.stringify({ contentType, contentEncoding, headers, properties });
}

/** Undefined when the head cannot be read: a damaged file, or another program's doing. */
export function decodeMessage({ head, body }: StoredMessage): Message | undefined {
  try {
    const decoded: unknown = JSON.parse(head);
    return isHead(decoded) ? { ...decoded, body } : undefined;
  } catch {
    return undefined;
  }
}

/** What is left of a message whose head cannot be read. */
export function withoutHead({ body }: StoredMessage): Message {
  return { contentType: "application/octet-stream", contentEncoding: "binary", headers: {}, properties: {}, body };
}

function isHead(value: unknown): value is Omit<Message, "body"> {
  if (!isObject(value)) return false;
  const { contentType, contentEncoding, headers, properties } = value;
  return (
    typeof contentType === "string" && typeof contentEncoding === "string" && isObject(headers) && isObject(properties)
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
