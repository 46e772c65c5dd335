import type { DeadLetterSelection } from "../../broker/broker.ts";
import { UnroutableError } from "../../broker/errors.ts";
import { conditionOf, rowIdOf } from "./dead-letters.ts";
import { historyWith } from "./history.ts";
import { queueExists } from "./queues.ts";
import { READY } from "./schema.ts";
import type { Sql } from "./shared-database.ts";
import { stateOnReplay } from "./unique.ts";

const LETTER = `
  SELECT id, queue, code, detail, died_at AS diedAt, history, unique_key AS key, key_state AS keyState
  FROM dead_letters WHERE id = ?`;
const REVIVE = `
  INSERT INTO messages (state, due_at, since, queue, key_state, history, fence, rank, unique_key, head, body)
  SELECT ${READY}, ?, ?, ?, ?, ?, fence, rank, unique_key, head, body FROM dead_letters WHERE id = ?`;
const FORGET = "DELETE FROM dead_letters WHERE id = ?";

interface Letter {
  readonly id: number;
  readonly queue: string;
  readonly code: string;
  readonly detail: string;
  readonly diedAt: number;
  readonly history: string | null;
  readonly key: string | null;
  readonly keyState: number | null;
}

/** Puts those of these dead letters that are still there into their queue, or into `queue`, and tells how many. */
export function replay(sql: Sql, ids: readonly number[], queue: string | undefined, now: number): number {
  const letters = ids.flatMap((id) => sql<Letter>(LETTER).get(id) ?? []);
  assertQueues(sql, new Set(letters.map((letter) => queue ?? letter.queue)), now);
  for (const { id, code, detail, diedAt, key, keyState, ...letter } of letters) {
    const history = historyWith(letter.history, { code, detail }, diedAt);
    sql(REVIVE).run(now, now, queue ?? letter.queue, stateOnReplay(sql, key, keyState), history, id);
    sql(FORGET).run(id);
  }
  return letters.length;
}

/** Deletes those of these dead letters that are still there, and tells how many. */
export function drop(sql: Sql, ids: readonly number[]): number {
  return ids.filter((id) => sql(FORGET).run(id).changes > 0).length;
}

/** Throws UnroutableError when not all that were chosen could be replayed. */
export function assertReplayable(
  sql: Sql,
  selection: DeadLetterSelection,
  queue: string | undefined,
  now: number,
): void {
  assertQueues(sql, queue === undefined ? queuesOf(sql, selection) : [queue], now);
}

/** The greatest id so far: what dies from now on is behind it. */
export function lastDeadLetter(sql: Sql): number {
  return sql<{ readonly id: number | null }>("SELECT max(id) AS id FROM dead_letters").get()?.id ?? 0;
}

/** The first `max` ids that were chosen, in their order, behind `after` and up to `last`. */
export function chosenBetween(
  sql: Sql,
  selection: DeadLetterSelection,
  after: number,
  last: number,
  max: number,
): readonly number[] {
  if ("ids" in selection) {
    const ids = new Set(selection.ids.map(rowIdOf).filter((id) => id > after && id <= last));
    return [...ids].sort((a, b) => a - b).slice(0, max);
  }
  const { condition, values } = conditionOf(selection);
  const chosen = `SELECT id FROM dead_letters WHERE ${condition} AND id > ? AND id <= ? ORDER BY id LIMIT ?`;
  const rows = sql<{ readonly id: number }>(chosen).all(...values, after, last, max);
  return rows.map(({ id }) => id);
}

function queuesOf(sql: Sql, selection: DeadLetterSelection): Iterable<string> {
  if ("ids" in selection) {
    return new Set(selection.ids.flatMap((id) => sql<Letter>(LETTER).get(rowIdOf(id))?.queue ?? []));
  }
  const { condition, values } = conditionOf(selection);
  const queues = `SELECT DISTINCT queue FROM dead_letters WHERE ${condition}`;
  return sql<{ readonly queue: string }>(queues)
    .all(...values)
    .map(({ queue }) => queue);
}

function assertQueues(sql: Sql, queues: Iterable<string>, now: number): void {
  for (const queue of queues) if (!queueExists(sql, queue, now)) throw new UnroutableError("", queue);
}
