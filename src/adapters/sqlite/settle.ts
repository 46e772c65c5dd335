import type { Settlement } from "../../broker/queued/message-store.ts";
import { DEAD, DELAYED, LEASED, READY } from "./schema.ts";
import type { Sql } from "./shared-database.ts";

/** Whether the lease has run out does not matter: what nobody else has taken is still its holder's. */
const IS_HELD = "id = ? AND fence = ?";

const ACK = `DELETE FROM messages WHERE ${IS_HELD}`;
const REQUEUE = `UPDATE messages SET state = ${READY}, fence = fence + 1 WHERE ${IS_HELD}`;
const DEFER = `
  UPDATE messages SET state = ${DELAYED}, due_at = ?, since = ?, deliveries = deliveries - 1, fence = fence + 1 WHERE ${IS_HELD}`;
const HAND_BACK = `UPDATE messages SET state = ${READY}, deliveries = deliveries - 1, fence = fence + 1 WHERE ${IS_HELD}`;
const BURY = `UPDATE messages SET state = ${DEAD}, due_at = ?, reason = ?, fence = fence + 1 WHERE ${IS_HELD}`;
const RENEW = `UPDATE messages SET state = ${LEASED}, due_at = ? WHERE ${IS_HELD}`;

/** False, with nothing changed, when the receipt was no longer held. */
export function settle(sql: Sql, settlement: Settlement, now: number): boolean {
  const receipt = parseReceipt(settlement.receipt);
  if (receipt === undefined) return false;
  switch (settlement.outcome) {
    case "ack":
      return sql(ACK).run(...receipt).changes > 0;
    case "requeue":
      return sql(REQUEUE).run(...receipt).changes > 0;
    case "defer": {
      const dueAt = settlement.until.getTime();
      if (dueAt <= now) return sql(HAND_BACK).run(...receipt).changes > 0;
      return sql(DEFER).run(dueAt, dueAt, ...receipt).changes > 0;
    }
    case "dead-letter":
      return sql(BURY).run(now, JSON.stringify(settlement.reason), ...receipt).changes > 0;
  }
}

/** False when the receipt was no longer held. */
export function renew(sql: Sql, receipt: string, leasedUntil: number): boolean {
  const parsed = parseReceipt(receipt);
  return parsed !== undefined && sql(RENEW).run(leasedUntil, ...parsed).changes > 0;
}

/** Names one hand-out of a message: a later one has a greater fence. */
type Receipt = readonly [id: number, fence: number];

export function formatReceipt([id, fence]: Receipt): string {
  return `${id}:${fence}`;
}

/** Undefined for what is no receipt of ours. */
function parseReceipt(text: string): Receipt | undefined {
  const match = /^(\d{1,15}):(\d{1,15})$/.exec(text);
  return match === null ? undefined : [Number(match[1]), Number(match[2])];
}
