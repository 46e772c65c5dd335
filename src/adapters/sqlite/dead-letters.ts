import type { DeadLetter, DeadLetterFilter, DeadLetterQuery, DeadLetterReason } from "../../broker/broker.ts";
import { decodeHistory } from "./history.ts";
import type { Receipt } from "./receipt.ts";
import { KEY_FREED } from "./schema.ts";
import type { Sql } from "./shared-database.ts";
import { decodeMessage, withoutHead, type StoredMessage } from "./stored-message.ts";

const DEFAULT_LIMIT = 100;

const BURY = `
  INSERT INTO dead_letters (queue, code, detail, died_at, deliveries, fence, rank, unique_key, key_state, history, head, body)
  SELECT queue, ?, ?, ?, deliveries, fence, rank, unique_key, key_state | ${KEY_FREED}, history, head, body
  FROM messages WHERE id = ? AND fence = ?`;
const DELETE_MESSAGE = "DELETE FROM messages WHERE id = ?";

/** Makes a dead letter of the message. False, with nothing changed, when the receipt was no longer held. */
export function bury(sql: Sql, receipt: Receipt, { code, detail }: DeadLetterReason, now: number): boolean {
  if (sql(BURY).run(code, detail, now, ...receipt).changes === 0) return false;
  sql(DELETE_MESSAGE).run(receipt[0]);
  return true;
}

/** As `MessageStore.deadLetters`. */
export function listDeadLetters(sql: Sql, query: DeadLetterQuery): readonly DeadLetter[] {
  const { limit = DEFAULT_LIMIT, after = "0" } = query;
  const { condition, values } = conditionOf(query);
  const list = `
    SELECT id, queue, code, detail, died_at AS diedAt, deliveries, history, head, body
    FROM dead_letters WHERE ${condition} AND id > ? ORDER BY id LIMIT ?`;
  return sql<DeadLetterRow>(list)
    .all(...values, rowIdOf(after), limit)
    .map(deadLetterOf);
}

/** NaN, which SQL takes for NULL, for what is no id of ours. */
export function rowIdOf(id: string): number {
  return /^\d{1,15}$/.test(id) ? Number(id) : NaN;
}

export interface Condition {
  readonly condition: string;
  readonly values: readonly string[];
}

/** A text for each set of filters, so that each is served by its own index. */
export function conditionOf({ queue, code }: DeadLetterFilter): Condition {
  const filters = Object.entries({ queue, code }).filter(
    (filter): filter is [string, string] => filter[1] !== undefined,
  );
  return {
    condition: ["TRUE", ...filters.map(([column]) => `${column} = ?`)].join(" AND "),
    values: filters.map(([, value]) => value),
  };
}

interface DeadLetterRow extends StoredMessage {
  readonly id: number;
  readonly queue: string;
  readonly code: string;
  readonly detail: string;
  readonly diedAt: number;
  readonly deliveries: number;
  readonly history: string | null;
}

function deadLetterOf(row: DeadLetterRow): DeadLetter {
  const { id, queue, code, detail, diedAt, deliveries, history } = row;
  return {
    id: String(id),
    queue,
    message: decodeMessage(row) ?? withoutHead(row),
    reason: { code, detail },
    deliveries,
    history: decodeHistory(history),
    diedAt: new Date(diedAt),
  };
}
