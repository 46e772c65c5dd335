import { unknownKey } from "../app/known-keys.ts";
import { SEND_OPTION_NAMES, type FollowUp, type SendOptions } from "../app/send-options.ts";
import { CanvasError } from "./errors.ts";
import { signatureFromDict } from "../message/signature-dict.ts";
import { stampsIn, stampsToWire } from "./stamps.ts";
import type { Membership, SignatureDict } from "../message/task-request.ts";

/** One option in both worlds: ours, and Celery's name with its unit. Source: `celery/app/task.py:Task.apply_async`. */
interface WireOption {
  readonly ours: keyof SendOptions;
  readonly theirs: string;
  readonly toWire: (value: never) => unknown;
  readonly fromWire: (value: unknown) => unknown;
}

const text = (value: unknown): unknown => (typeof value === "string" ? value : undefined);
const number = (value: unknown): unknown => (typeof value === "number" ? value : undefined);
const flag = (value: unknown): unknown => (typeof value === "boolean" ? value : undefined);
const mapping = (value: unknown): unknown => (typeof value === "object" && value !== null ? value : undefined);
const seconds = (value: number): number => value / 1000;
const milliseconds = (value: unknown): unknown => (typeof value === "number" ? value * 1000 : undefined);
const list = (value: unknown): unknown => (Array.isArray(value) ? value : undefined);
const same = (value: never): unknown => value;

function moment(value: unknown): Date | undefined {
  if (value instanceof Date) return value;
  if (typeof value !== "string") return undefined;
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

const OPTIONS: readonly WireOption[] = [
  { ours: "taskId", theirs: "task_id", toWire: same, fromWire: text },
  { ours: "queue", theirs: "queue", toWire: same, fromWire: text },
  { ours: "exchange", theirs: "exchange", toWire: same, fromWire: text },
  { ours: "routingKey", theirs: "routing_key", toWire: same, fromWire: text },
  { ours: "priority", theirs: "priority", toWire: same, fromWire: number },
  { ours: "countdownMs", theirs: "countdown", toWire: seconds, fromWire: milliseconds },
  { ours: "eta", theirs: "eta", toWire: (eta: Date) => eta.toISOString(), fromWire: moment },
  {
    ours: "expires",
    theirs: "expires",
    toWire: (expires: Date | number) => (typeof expires === "number" ? seconds(expires) : expires.toISOString()),
    fromWire: (value) => milliseconds(value) ?? moment(value),
  },
  { ours: "retries", theirs: "retries", toWire: same, fromWire: number },
  { ours: "softTimeLimitMs", theirs: "soft_time_limit", toWire: seconds, fromWire: milliseconds },
  { ours: "timeLimitMs", theirs: "time_limit", toWire: seconds, fromWire: milliseconds },
  { ours: "ignoreResult", theirs: "ignore_result", toWire: same, fromWire: flag },
  { ours: "shadow", theirs: "shadow", toWire: same, fromWire: text },
  { ours: "replyTo", theirs: "reply_to", toWire: same, fromWire: text },
  { ours: "headers", theirs: "headers", toWire: same, fromWire: mapping },
  { ours: "link", theirs: "link", toWire: dictsOf, fromWire: list },
  { ours: "linkError", theirs: "link_error", toWire: dictsOf, fromWire: list },
];

/** What `Membership` is on the wire. */
const MEMBERSHIP_NAMES = ["group_id", "group_index", "chord"] as const;

/** Celery's names of the options that mean something here. */
export const WIRE_OPTION_NAMES: ReadonlySet<string> = new Set([
  ...OPTIONS.map(({ theirs }) => theirs),
  ...MEMBERSHIP_NAMES,
  "stamped_headers",
]);

/** Options as Celery's signatures carry them. What concerns only the act of publishing stays behind. Throws CanvasError for an unknown one. */
export function optionsToWire(options: SendOptions): Record<string, unknown> {
  const unknown = unknownKey(options, SEND_OPTION_NAMES);
  if (unknown !== undefined) throw new CanvasError(`unknown option ${unknown}`);
  const wire: Record<string, unknown> = {};
  for (const { ours, theirs, toWire } of OPTIONS) {
    const value = options[ours];
    if (value !== undefined) wire[theirs] = toWire(value as never);
  }
  return options.stamps === undefined ? wire : { ...wire, ...stampsToWire(options.stamps) };
}

export function optionsFromWire(wire: Readonly<Record<string, unknown>>): SendOptions {
  const options: Record<string, unknown> = {};
  for (const { ours, theirs, fromWire } of OPTIONS) {
    const value = fromWire(wire[theirs]);
    if (value !== undefined) options[ours] = value;
  }
  const stamps = stampsIn(wire);
  return Object.keys(stamps).length === 0 ? options : { ...options, stamps };
}

/** What else is there, of other versions or set by Celery itself: kept as it is, in case it goes back to Python. */
export function otherOptions(wire: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const stamps = stampsIn(wire);
  const others = Object.entries(wire).filter(([name]) => !WIRE_OPTION_NAMES.has(name) && !Object.hasOwn(stamps, name));
  return Object.fromEntries(others);
}

export function membershipToWire({ groupId, groupIndex, chord }: Membership): Record<string, unknown> {
  return {
    group_id: groupId,
    ...(groupIndex === null ? {} : { group_index: groupIndex }),
    ...(chord === null ? {} : { chord }),
  };
}

/** Throws UnreadableMessageError where the chord's body is no signature. */
export function membershipFromWire(wire: Readonly<Record<string, unknown>>): Membership | undefined {
  const { group_id: groupId, group_index: groupIndex, chord = null } = wire;
  if (typeof groupId !== "string" || groupId === "") return undefined;
  return {
    groupId,
    groupIndex: typeof groupIndex === "number" ? groupIndex : null,
    chord: chord === null ? null : signatureFromDict(chord, "chord"),
  };
}

/** Follow-ups in Celery's JSON form. */
export function dictsOf(followUps: FollowUp | readonly FollowUp[] | undefined): readonly SignatureDict[] {
  return listOf(followUps).map(dictOf);
}

export function dictOf(followUp: FollowUp): SignatureDict {
  return "toDict" in followUp ? followUp.toDict() : followUp;
}

function listOf(followUps: FollowUp | readonly FollowUp[] | undefined): readonly FollowUp[] {
  if (followUps === undefined) return [];
  return Array.isArray(followUps) ? (followUps as readonly FollowUp[]) : [followUps as FollowUp];
}
