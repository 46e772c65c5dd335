import type { Message } from "../../message/message.ts";
import type { Entry } from "./memory-queue.ts";

/** Priority of a message that names none. */
const DEFAULT_PRIORITY = 0;

/** A message that was never handed out. */
export function entryOf(pushed: Pick<Entry, "message" | "unique" | "queue" | "arrival" | "until">): Entry {
  const message = copyOf(pushed.message);
  const priority = message.properties.priority ?? DEFAULT_PRIORITY;
  return { ...pushed, message, priority, deliveries: 0, isLeased: false, history: [] };
}

/** As a wire would have it: the sender may go on changing what it sent, and headers are plain JSON. */
function copyOf(message: Message): Message {
  const headers = JSON.parse(JSON.stringify(message.headers)) as Message["headers"];
  return { ...message, body: Uint8Array.from(message.body), headers, properties: { ...message.properties } };
}
