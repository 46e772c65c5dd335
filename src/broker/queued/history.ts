import type { DeadLetterReason, DeliveryNote } from "../broker.ts";

/** Notes kept with a message: of more, the oldest are dropped. */
const MAX_NOTES = 20;

/** What is noted when a message is taken from a consumer whose lease ran out. */
export const LEASE_LOST: DeadLetterReason = {
  code: "lease-lost",
  detail: "Its lease ran out before its consumer answered: that was killed, stopped, or cut off from the broker.",
};

export function withNote(
  history: readonly DeliveryNote[],
  reason: DeadLetterReason,
  at: number,
): readonly DeliveryNote[] {
  const { code, detail } = reason;
  return [...history, { at: new Date(at), code, detail }].slice(-MAX_NOTES);
}
