import { decodeJson, EncodedJson, encodeJson } from "../message/json.ts";
import { signatureFromDict } from "../message/signature-dict.ts";
import type { SignatureDict } from "../message/task-request.ts";
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

/** When a chord whose members do not come is over, and what it leaves undone then. */
export interface ChordDeadline {
  /** For how long nobody may come, from its begin or from the last who came, in milliseconds. */
  readonly ms: number;
  /** What fails. */
  readonly body: SignatureDict;
  /** Whose family the body belongs to: the id of the first task, where it is known. */
  readonly rootId: string | null;
}

/** A chord that is about to be sent. */
export interface ChordPlan {
  readonly chordId: string;
  readonly size: number;
  /** Null for none: it waits for as long as anything is kept of it. */
  readonly deadline: ChordDeadline | null;
}

/** A chord whose deadline has passed. */
export interface OverdueChord {
  /** Who has to make its body fail and to `end` it: nobody of its members. */
  readonly claim: ChordMember;
  readonly size: number;
  /** How many of them came. */
  readonly came: number;
  /** The ids of those, where they are `FEW`; else empty. */
  readonly names: readonly string[];
  readonly deadline: ChordDeadline;
}

/** What a member learns when it joins. */
export type ChordJoin =
  /** Others are still to come. */
  | { readonly kind: "waiting" }
  /** The same, and nobody has said what its deadline is: who learns this may, with `watch`. */
  | { readonly kind: "unwatched" }
  /** All have come: who learns this sends the body, and then ends the chord. The parts are in the header's order. */
  | { readonly kind: "complete"; readonly parts: readonly ChordPart[] }
  /** All have come, and another member is about to send the body. Ask again: should its worker die, the chord is this member's. */
  | { readonly kind: "claimed" }
  /** The body was sent, or has failed. */
  | { readonly kind: "over" };

/** What became of a chord's body. */
export type ChordEnd = "sent" | "failed";

/** Counts who has come of a chord's header. Nothing that is kept of a chord outlives `lifeOf` after its begin or the last who came. */
export interface ChordCounters {
  /** For who sends chords, before any of their members. What has come of one already counts, unless it was over: then it begins anew. */
  begin(chords: readonly ChordPlan[]): Promise<void>;
  /** Gives a chord that others sent a deadline. Does nothing where it has one, was begun without one, or is over. */
  watch(chordId: string, deadline: ChordDeadline): Promise<void>;
  /** These tasks are members too, each once, however often it is said. For a member of the chord that has not joined yet. Does nothing to a chord that is over. */
  grow(chordId: string, taskIds: readonly string[]): Promise<void>;
  /**
   * Counts a member, in one step with the look whether all have come; before the chord's size is known they have not. Each counts once, however
   * often it joins, and its first outcome stands. "complete" is told to the member that joins last, also when it joins again, and to any other that
   * joins again `CLAIM_MS` later. Rejects with UnreadableResultError in its place when a part cannot be read.
   */
  join(member: ChordMember, outcome: Omit<ChordPart, "taskId">): Promise<ChordJoin>;
  /**
   * Chords whose deadline has passed, at most so many. Each is the caller's for `CLAIM_MS`: nobody else gets it meanwhile, and no member its parts. Ask until there
   * are none. A chord of unknown size is never overdue: its sender has not sent all of it, and knows, or it was over long before who came.
   */
  takeOverdue(options: { readonly limit: number }): Promise<readonly OverdueChord[]>;
  /**
   * The body was sent, or has failed: members that join once more learn that the chord is over. Does nothing where another is about to send it. What had come
   * of one that failed may be kept for `OVER_MS`, for Celery's clients to look at.
   */
  end(member: ChordMember, how: ChordEnd): Promise<void>;
}

/** For how long a member may take to send the body before another does, in milliseconds; and somebody else to make it fail. */
export const CLAIM_MS = 30_000;

/** For how long it is remembered that a chord is over, in milliseconds. Celery: `celery/backends/redis.py:RedisBackend.on_chord_part_return`. */
export const OVER_MS = 300_000;

const DAY_MS = 86_400_000;

/** As many names as a message can hold. */
export const FEW = 5;

/**
 * How long what is known of a chord is kept, in milliseconds, from its begin or the last who came: no less than a day, however soon results expire,
 * and as long again after its deadline, so that workers that are down then find it.
 */
export function lifeOf({
  resultExpiresMs,
  deadlineMs = 0,
}: {
  readonly resultExpiresMs: number;
  readonly deadlineMs?: number | undefined;
}): number {
  return Math.ceil(Math.max(resultExpiresMs, DAY_MS) + deadlineMs);
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

export function encodeBody(body: SignatureDict): string {
  return encodeJson(body, "body");
}

/** Throws UnreadableMessageError for what is no signature. */
export function decodeBody(text: string): SignatureDict {
  return signatureFromDict(decodeJson(text), "body");
}
