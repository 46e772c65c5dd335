import type { DeadLetterReason } from "../../broker/broker.ts";
import type { Settlement } from "../../broker/queued/message-store.ts";
import { bury } from "./dead-letters.ts";
import { noteAt } from "./history.ts";
import { parseReceipt, type Receipt } from "./receipt.ts";
import { DELAYED, LEASED, READY } from "./schema.ts";
import type { Sql } from "./shared-database.ts";

/** Whether the lease has run out does not matter: what nobody else has taken is still its holder's. */
const IS_HELD = "id = ? AND fence = ?";

const ACK = `DELETE FROM messages WHERE ${IS_HELD}`;
const REQUEUE = `UPDATE messages SET state = ${READY}, due_at = since, fence = fence + 1 WHERE ${IS_HELD}`;
const HAND_BACK = `
  UPDATE messages SET state = ${READY}, due_at = since, deliveries = deliveries - 1, fence = fence + 1 WHERE ${IS_HELD}`;
const DEFER = `
  UPDATE messages SET state = ${DELAYED}, due_at = ?, since = ?, deliveries = deliveries - 1, fence = fence + 1 WHERE ${IS_HELD}`;
const RENEW = `UPDATE messages SET state = ${LEASED}, due_at = ? WHERE ${IS_HELD}`;

/** False, with nothing changed, when the receipt was no longer held. */
export function settle(sql: Sql, settlement: Settlement, now: number): boolean {
  const receipt = parseReceipt(settlement.receipt);
  if (receipt === undefined) return false;
  switch (settlement.outcome) {
    case "ack":
      return sql(ACK).run(...receipt).changes > 0;
    case "requeue":
      return requeue(sql, receipt, settlement.reason, now);
    case "hand-back":
      return sql(HAND_BACK).run(...receipt).changes > 0;
    case "defer": {
      const dueAt = Math.max(now, settlement.until.getTime());
      return sql(DEFER).run(dueAt, dueAt, ...receipt).changes > 0;
    }
    case "dead-letter":
      return bury(sql, receipt, settlement.reason, now);
  }
}

function requeue(sql: Sql, receipt: Receipt, reason: DeadLetterReason | undefined, now: number): boolean {
  if (sql(REQUEUE).run(...receipt).changes === 0) return false;
  if (reason !== undefined) noteAt(sql, receipt[0], reason, now);
  return true;
}

/** False when the receipt was no longer held. */
export function renew(sql: Sql, receipt: string, leasedUntil: number): boolean {
  const parsed = parseReceipt(receipt);
  return parsed !== undefined && sql(RENEW).run(leasedUntil, ...parsed).changes > 0;
}
