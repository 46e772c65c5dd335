import { PRIORITY_STEPS, type PriorityStep } from "../envelope.ts";

/**
 * Where a message is that is in no list: its name in `unacked` and in the sorted sets beside it, and, for one that is handed out, its receipt.
 * It tells all that is needed to put the message back: no other hand-out has the same, so that nothing more is asked of a receipt than whether
 * it is still there. Kombu has the delivery tag here, which two copies of one message have in common.
 */
export interface Place {
  /**
   * Unique; `celeriac-<id of the call>-<fence>` for what is handed out. It is that long because Redis keeps members of more than 64 bytes in another way: adding
   * 50 to a small sorted set takes a sixth of the time (`zset-max-listpack-value`).
   */
  readonly id: string;
  readonly step: PriorityStep;
  readonly queue: string;
  /** The unique key that the message holds here. */
  readonly key?: string | undefined;
}

/** Else it is delayed, or Kombu's. */
export function isHandedOut({ id }: Place): boolean {
  return id.startsWith("celeriac-");
}

/** Of what is handed out. */
export function fenceOf({ id }: Place): number {
  return Number(id.slice(id.lastIndexOf("-") + 1));
}

/** `<id>:<step>:<queue>`, or `<id>:<step>#<length of the queue's name>:<queue><key>`. The scripts take it apart too. */
export function formatPlace({ id, step, queue, key }: Place): string {
  return key === undefined ? `${id}:${step}:${queue}` : `${id}:${step}#${Buffer.byteLength(queue)}:${queue}${key}`;
}

/** Undefined for what is no place of ours. */
export function parsePlace(text: string): Place | undefined {
  const colon = text.indexOf(":");
  const step = PRIORITY_STEPS.find((each) => String(each) === text[colon + 1]);
  if (colon < 1 || step === undefined) return undefined;
  const id = text.slice(0, colon);
  const end = text.indexOf(":", colon + 1);
  if (end === colon + 2) return { id, step, queue: text.slice(end + 1) };
  if (text[colon + 2] !== "#") return undefined;
  const names = Buffer.from(text.slice(end + 1));
  const length = Number(text.slice(colon + 3, end));
  return { id, step, queue: names.subarray(0, length).toString(), key: names.subarray(length).toString() };
}

/**
 * What stands behind the envelope in `unacked`, where `[` stands before it: should Kombu restore the message, it goes to its own queue by the default exchange, and
 * never through the one that it came by.
 */
export function unackedTail(queue: string): string {
  return `,"",${JSON.stringify(queue)}]`;
}

/** The envelope in such a value. */
export function envelopeIn(value: string, queue: string): string {
  return value.slice(1, -unackedTail(queue).length);
}
