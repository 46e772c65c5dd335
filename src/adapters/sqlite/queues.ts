import { TopologyMismatchError } from "../../broker/errors.ts";
import type { StoreDepth } from "../../broker/queued/message-store.ts";
import type { Exchange, ExchangeType, Queue } from "../../routing/topology.ts";
import { DELAYED, LEASED, READY } from "./schema.ts";
import type { Sql } from "./shared-database.ts";

/** Exclusive queues go with the broker object that declared them; should that be killed, then after so long without a consumer. */
const ABANDONED_AFTER_MS = 3_600_000;

export function declareExchange(sql: Sql, { name, type }: Exchange): void {
  const existing = sql<{ readonly type: ExchangeType }>("SELECT type FROM exchanges WHERE name = ?").get(name);
  if (existing === undefined) sql("INSERT INTO exchanges (name, type) VALUES (?, ?)").run(name, type);
  else if (existing.type !== type) throw new TopologyMismatchError(`Exchange "${name}"`, existing.type, type);
}

export function declareQueue(sql: Sql, queue: Queue, now: number): void {
  const expiresMs = queue.expiresMs ?? (queue.exclusive === true ? ABANDONED_AFTER_MS : null);
  sql(
    `INSERT INTO queues (name, expires_ms) VALUES (?, ?)
     ON CONFLICT (name) DO UPDATE SET expires_ms = excluded.expires_ms, expires_at = NULL`,
  ).run(queue.name, expiresMs);
  renewExpiry(sql, queue.name, now);
}

const EXISTS = "SELECT 1 FROM queues WHERE name = ? AND (expires_at IS NULL OR expires_at > ?)";

export function queueExists(sql: Sql, queue: string, now: number): boolean {
  return sql(EXISTS).get(queue, now) !== undefined;
}

/** Replaces what was noted of this consumer. */
export function noteAttendance(
  sql: Sql,
  consumer: string,
  queues: readonly string[],
  now: number,
  ttlMs: number,
): void {
  const before = sql<{ readonly queue: string }>("SELECT queue FROM consumers WHERE consumer = ?").all(consumer);
  sql("DELETE FROM consumers WHERE consumer = ?").run(consumer);
  const insert = sql("INSERT OR IGNORE INTO consumers (consumer, queue, expires_at) VALUES (?, ?, ?)");
  for (const queue of queues) insert.run(consumer, queue, now + ttlMs);
  for (const queue of new Set([...before.map((row) => row.queue), ...queues])) renewExpiry(sql, queue, now);
}

/** A queue with `expires_ms` lives for so long after it was declared, and after its last consumer's time was up. */
function renewExpiry(sql: Sql, queue: string, now: number): void {
  sql(
    `UPDATE queues SET expires_at = expires_ms + max(?, coalesce((SELECT max(expires_at) FROM consumers WHERE queue = name), 0))
     WHERE name = ? AND expires_ms IS NOT NULL`,
  ).run(now, queue);
}

export function hasExpiredQueues(sql: Sql, now: number): boolean {
  return sql("SELECT 1 FROM queues WHERE expires_at <= ? LIMIT 1").get(now) !== undefined;
}

export function removeExpiredQueues(sql: Sql, now: number): void {
  for (const { name } of sql<{ readonly name: string }>("SELECT name FROM queues WHERE expires_at <= ?").all(now)) {
    removeQueue(sql, name);
  }
}

/** With its bindings and messages; its dead letters stay. */
export function removeQueue(sql: Sql, queue: string): void {
  sql(`DELETE FROM messages WHERE queue = ? AND state = ${READY}`).run(queue);
  sql(`DELETE FROM messages WHERE queue = ? AND state IN (${LEASED}, ${DELAYED})`).run(queue);
  sql("DELETE FROM bindings WHERE queue = ?").run(queue);
  sql("DELETE FROM consumers WHERE queue = ?").run(queue);
  sql("DELETE FROM queues WHERE name = ?").run(queue);
}

/** Deletes some of the ready and delayed messages, `max` at most, and tells how many: 0 when none are left. */
export function purgeSome(sql: Sql, queue: string, max: number): number {
  const purge = (condition: string): number =>
    Number(
      sql(`DELETE FROM messages WHERE id IN (SELECT id FROM messages WHERE queue = ? AND ${condition} LIMIT ?)`).run(
        queue,
        max,
      ).changes,
    );
  const ready = purge(`state = ${READY}`);
  return ready > 0 ? ready : purge(`state IN (${LEASED}, ${DELAYED}) AND state = ${DELAYED}`);
}

/** Counted along the indexes, so that it is exact: some 10 ms for a million messages. */
export function depthOf(sql: Sql, queue: string, now: number): StoreDepth & { readonly consumers: number } {
  const count = (from: string, ...values: readonly (string | number)[]): number =>
    sql<{ readonly n: number }>(`SELECT count(*) AS n FROM ${from}`).get(...values)?.n ?? 0;
  const waiting = count(`messages WHERE queue = ? AND state = ${READY}`, queue);
  const held = `messages WHERE queue = ? AND state IN (${LEASED}, ${DELAYED})`;
  return {
    ready: waiting + count(`${held} AND due_at <= ?`, queue, now),
    delayed: count(`${held} AND due_at > ? AND state = ${DELAYED}`, queue, now),
    unacked: count(`${held} AND due_at > ? AND state = ${LEASED}`, queue, now),
    consumers: count("consumers WHERE queue = ? AND expires_at > ?", queue, now),
  };
}
