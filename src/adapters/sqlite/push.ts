import { UnroutableError } from "../../broker/errors.ts";
import type { PushItem } from "../../broker/queued/message-store.ts";
import { nextFence } from "../../broker/queued/next-fence.ts";
import type { Message } from "../../message/message.ts";
import { queueExists } from "./queues.ts";
import { DELAYED, READY } from "./schema.ts";
import type { Sql } from "./shared-database.ts";
import { encodeHead } from "./stored-message.ts";
import { clearKey, stateOf } from "./unique.ts";

const INSERT =
  "INSERT INTO messages (state, due_at, fence, queue, rank, since, head, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
const INSERT_UNIQUE = `
  INSERT INTO messages (state, due_at, fence, queue, rank, since, head, body, unique_key, key_state)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

/** As `MessageStore.push`. */
export function push(sql: Sql, items: readonly PushItem[], now: number): readonly (string | undefined)[] {
  // The lock may have been long in coming.
  const wanted = items.filter((item) => item.isGivenUp?.() !== true);
  for (const queue of new Set(wanted.flatMap((item) => item.queues))) {
    if (!queueExists(sql, queue, now)) throw new UnroutableError("", queue);
  }
  return items.map((item) => (item.isGivenUp?.() === true ? undefined : pushOne(sql, item, now)));
}

function pushOne(sql: Sql, item: PushItem, now: number): string | undefined {
  const { queues, message, delayMs, unique } = item;
  const holder = unique === undefined ? undefined : clearKey(sql, unique, item, now);
  if (holder !== undefined) return holder;
  const state = delayMs > 0 ? DELAYED : READY;
  const dueAt = Math.min(now + Math.ceil(delayMs), Number.MAX_SAFE_INTEGER);
  const rank = rankOf(message);
  const head = encodeHead(message);
  // Nobody's receipt, but as long as that of a hand-out: the row keeps its size.
  const fence = nextFence(0, now);
  for (const queue of queues) {
    const row = [state, dueAt, fence, queue, rank, dueAt, head, message.body] as const;
    if (unique === undefined) sql(INSERT).run(...row);
    else sql(INSERT_UNIQUE).run(...row, unique.key, stateOf(unique));
  }
  return undefined;
}

/** Ascending ranks are AMQP's order of priorities; a message without one has the lowest. */
function rankOf(message: Message): number {
  return 0 - Math.trunc(message.properties.priority ?? 0);
}
