import type { UniqueKey } from "../../broker/broker.ts";
import type { PushItem } from "../../broker/queued/message-store.ts";
import { KEY_FREED, LEASED, UNTIL_END, UNTIL_START } from "./schema.ts";
import type { Sql } from "./shared-database.ts";

const HOLDS_KEY = `unique_key = ? AND key_state < ${KEY_FREED}`;

const HOLDERS = `
  SELECT id, iif(json_valid(head), head ->> '$.properties.correlationId', null) AS owner, state = ${LEASED} AND due_at > ? AS isRunning
  FROM messages WHERE ${HOLDS_KEY}`;
const ANY_HOLDER = `SELECT 1 FROM messages WHERE ${HOLDS_KEY} LIMIT 1`;
const FREE = `UPDATE messages SET key_state = key_state | ${KEY_FREED} WHERE id = ?`;
const DELETE = "DELETE FROM messages WHERE id = ?";

interface Holder {
  readonly id: number;
  readonly owner: string | null;
  readonly isRunning: 0 | 1;
}

/**
 * Makes the key free for a message that is about to be pushed, or returns the correlation id of the one that keeps it. The copies of one
 * message in several queues hold a key together.
 */
export function clearKey(sql: Sql, unique: UniqueKey, { message }: PushItem, now: number): string | undefined {
  const holders = sql<Holder>(HOLDERS).all(now, unique.key);
  const [first] = holders;
  if (first === undefined) return undefined;
  const replaces = unique.onDuplicate === "replace" && holders.every(({ isRunning }) => isRunning === 0);
  const clear = first.owner === message.properties.correlationId ? FREE : replaces ? DELETE : undefined;
  if (clear === undefined) return first.owner ?? "";
  for (const { id } of holders) sql(clear).run(id);
  return undefined;
}

/** The `key_state` of a message that holds its key. */
export function stateOf({ until }: UniqueKey): number {
  return until === "start" ? UNTIL_START : UNTIL_END;
}

/** What is left of a dead letter's key on replay: the state that holds it if it is free. */
export function stateOnReplay(sql: Sql, key: string | null, keyState: number | null): number | null {
  if (key === null || keyState === null || sql(ANY_HOLDER).get(key) !== undefined) return keyState;
  return keyState - KEY_FREED;
}
