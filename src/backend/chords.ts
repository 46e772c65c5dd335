import { decodeJson, EncodedJson, encodeJson } from "../message/json.ts";
import { UnreadableResultError } from "./errors.ts";
import type { TaskState } from "./task-meta.ts";

/** A task's place in a chord's header. */
export interface ChordMember {
  /** Celery: the id of the header's group. */
  readonly chordId: string;
  readonly taskId: string;
  /** Null where its sender gave it none: it comes after all that have one. */
  readonly index: number | null;
}

/** How a member ended. */
export interface ChordPart {
  readonly taskId: string;
  readonly state: TaskState;
  /** As in `TaskMeta`. An EncodedJson is kept as it is. */
  readonly result: unknown;
}

/** What a member learns when it joins. */
export type ChordJoin =
  /** Others are still to come. */
  | { readonly kind: "waiting" }
  /** All have come: who learns this sends the body, and then ends the chord. The parts are in the header's order. */
  | { readonly kind: "complete"; readonly parts: readonly ChordPart[] }
  /** All have come, and another member is about to send the body. Ask again: should its worker die, the chord is this member's. */
  | { readonly kind: "claimed" }
  /** The body was sent. */
  | { readonly kind: "over" };

/** Counts who has come of a chord's header. Nothing that is kept of a chord outlives `lifeOf` after the last who came. */
export interface ChordCounters {
  /** How many members the chord has; before that is known it is not complete. A chord that was over begins anew. */
  setSize(chordId: string, size: number): Promise<void>;
  /**
   * Counts a member, in one step with the look whether all have come. Each counts once, however often it joins, and its first outcome stands.
   * "complete" is told to the member that joins last, also when it joins again, and to any other that joins again `CLAIM_MS` later.
   * Rejects with UnreadableResultError in its place when a part cannot be read.
   */
  join(member: ChordMember, outcome: Omit<ChordPart, "taskId">): Promise<ChordJoin>;
  /** The body was sent: members that join once more learn that the chord is over. Does nothing where another member is about to send it. */
  end(member: ChordMember): Promise<void>;
}

/** For how long a member may take to send the body before another does, in milliseconds. */
export const CLAIM_MS = 30_000;

/** For how long it is remembered that a chord is over, in milliseconds. Celery: `celery/backends/redis.py:RedisBackend.on_chord_part_return`. */
export const OVER_MS = 300_000;

const DAY_MS = 86_400_000;

/** How long what has come of a chord waits for the rest, in milliseconds: no less than a day, however soon results expire. */
export function lifeOf({ resultExpiresMs }: { readonly resultExpiresMs: number }): number {
  return Math.ceil(Math.max(resultExpiresMs, DAY_MS));
}

/** A member's name within its chord: a task may stand in a header several times. Celery's, too. */
export function placeOf({ taskId, index }: ChordMember): string {
  return `${taskId}:${index ?? "+inf"}`;
}

/** What all parts of one task begin with. */
export function partPrefix(taskId: string): string {
  return `[1, ${JSON.stringify(taskId)}, `;
}

/** Celery's text, blank by blank. Source: `celery/backends/redis.py:RedisBackend.on_chord_part_return`. */
export function encodePart({ taskId, state, result }: ChordPart): string {
  const value = result instanceof EncodedJson ? result.text : encodeJson(result, "result");
  return `${partPrefix(taskId)}${JSON.stringify(state)}, ${value}]`;
}

/** Throws UnreadableResultError for a text that is no part. */
export function decodePart(text: string): ChordPart {
  let part: unknown;
  try {
    part = decodeJson(text);
  } catch (cause) {
    throw new UnreadableResultError("a part of a chord is not JSON", { cause });
  }
  const [, taskId, state, result = null] = Array.isArray(part) ? (part as readonly unknown[]) : [];
  if (typeof taskId !== "string" || typeof state !== "string")
    throw new UnreadableResultError("a part of a chord names no task or state");
  return { taskId, state, result };
}
