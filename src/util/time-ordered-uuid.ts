import { randomUUID } from "node:crypto";

/**
 * A UUID that begins with its time, in milliseconds since the epoch: of two, the later is the greater. An index over such ids grows at its
 * end, where one over random ids is written all over. RFC 9562, section 5.7: version 7.
 */
export function timeOrderedUuid(now: number): string {
  if (now !== last.now) last = { now, beginning: beginningAt(now) };
  return last.beginning + randomUUID().slice(15);
}

/** Many are made within one millisecond. */
let last = { now: NaN, beginning: "" };

function beginningAt(now: number): string {
  const time = now.toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7`;
}
