import { readFailure, reprFailure, type Failure } from "./failure.ts";
import type { ChordPart, OverdueChord } from "./chords.ts";
import type { SignatureDict } from "../message/task-request.ts";
import { tasksOfResult, type ResultNode } from "./groups.ts";

/** Celery: `celery/backends/redis.py:RedisBackend._unpack_chord_result`. */
export function chordError(message: string): Failure {
  return { exc_type: "ChordError", exc_message: [message], exc_module: "celery.exceptions", traceback: null };
}

/** Whether it is of a body that was never sent. */
export function isChordError({ exc_type: type, exc_module: module }: Failure): boolean {
  return type === "ChordError" && module === "celery.exceptions";
}

/** More members may come to a chord for as long as it is not complete. */
export function chordOverdue({ size, came, names, deadline }: Omit<OverdueChord, "claim">): Failure {
  const who = names.length === 0 ? "" : ` (${names.join(", ")})`;
  const rest = came < size ? `missing at least ${size - came}` : "and nobody has sent the body";
  return chordError(`${came} of ${size} members came${who}, none for ${deadline.ms / 1000} s, ${rest}`);
}

/** The member on whose account a chord's body never runs; undefined when all succeeded. */
export function culpritOf(parts: readonly ChordPart[]): ChordPart | undefined {
  return parts.find(({ state }) => state === "FAILURE" || state === "REVOKED");
}

/**
 * How a body ends that never runs: tasks of a group have the member's own failure, as in Celery: `celery/backends/base.py:Backend._handle_group_chord_error`.
 */
export function failureBy({ taskId, result }: ChordPart, body: SignatureDict): Failure {
  const failure = readFailure(result, null);
  if (body.subtask_type === "group") return failure;
  return chordError(`Dependency ${taskId} raised ${reprFailure(failure)}`);
}

/** What a chord's body is given: in the header's order, nested as the header was where that was kept, and last what was added on the way. */
export function resultsOfMembers(parts: readonly ChordPart[], header: ResultNode | undefined): readonly unknown[] {
  const inOrder = parts.map(({ result }) => result);
  const nodes = header?.members ?? null;
  if (nodes === null) return inOrder;
  const byTask = new Map(parts.map(({ taskId, result }) => [taskId, result]));
  const valueOf = ({ id, members }: ResultNode): unknown => (members === null ? byTask.get(id) : members.map(valueOf));
  const named = new Set(nodes.flatMap(tasksOfResult));
  const added = parts.filter(({ taskId }) => !named.has(taskId)).map(({ result }) => result);
  return [...nodes.map(valueOf), ...added];
}

/** A member of a chord that asked that nothing be stored: nothing will ever come of it. */
export function ignored(): Failure {
  return { exc_type: "Ignore", exc_message: [], exc_module: "celery.exceptions", traceback: null };
}

/** Celery: `celery/app/trace.py:TraceInfo.handle_reject`. */
export function rejected(why: string): Failure {
  return { exc_type: "Reject", exc_message: [why], exc_module: "celery.exceptions", traceback: null };
}
