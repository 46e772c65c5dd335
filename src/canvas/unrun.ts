import type { ChordMember } from "../backend/chords.ts";
import type { TaskMeta } from "../backend/task-meta.ts";
import { signaturesFrom } from "../message/signature-dict.ts";
import type { SignatureDict, TaskRequest } from "../message/task-request.ts";
import { chordPartsOf, membersOf, stepsOf } from "./parts.ts";
import { membershipFromWire } from "./signature-options.ts";

/** A task that counts in a chord. */
export interface ChordTask {
  readonly member: ChordMember;
  readonly body: SignatureDict;
}

/** What never came to run, by the id of its result, and who is to hear of it. */
export interface UnrunCall extends Pick<TaskRequest, "id" | "task" | "args" | "kwargs"> {
  readonly errbacks: readonly SignatureDict[];
}

/** Every task that a signature would have become, had it been sent. Throws UnreadableMessageError. Celery: `base.py:Backend._fail_chain`, which knows fewer. */
export function tasksWithin(dict: SignatureDict): readonly SignatureDict[] {
  const later = (): readonly SignatureDict[] => signaturesFrom(dict.options["chain"], "chain").flatMap(tasksWithin);
  switch (dict.subtask_type) {
    case "chain":
      return [...stepsOf(dict).flatMap(tasksWithin), ...later()];
    case "group":
      return membersOf(dict).flatMap(tasksWithin);
    case "chord": {
      const { header, body } = chordPartsOf(dict);
      return [...tasksWithin(header), ...tasksWithin(body)];
    }
    default:
      return [dict, ...later()];
  }
}

/**
 * The errbacks of a signature, and whose failure they are to hear of: a group's are those of each of its tasks, a chord's
 * those of its body, a chain's those of its first step, by the id of the chain's result where that is a task's.
 */
export function errbacksWithin(dict: SignatureDict): readonly UnrunCall[] {
  if (dict.subtask_type === "group") return membersOf(dict).flatMap(errbacksWithin);
  if (dict.subtask_type === "chain") {
    const told = stepsOf(dict).slice(0, 1).flatMap(errbacksWithin);
    const { task_id: id } = dict.options;
    return told.length === 1 && typeof id === "string" && !endsInGroup(dict)
      ? told.map((call) => ({ ...call, id }))
      : told;
  }
  if (dict.subtask_type === "chord") return errbacksWithin(chordPartsOf(dict).body);
  const { task_id: id, link_error: linkError } = dict.options;
  if (typeof id !== "string") return [];
  const { task, args, kwargs } = dict;
  return [{ id, task, args, kwargs, errbacks: signaturesFrom(linkError, "link_error") }];
}

/** Whether a signature's result is a group's, by whose id no task is known. */
function endsInGroup(dict: SignatureDict): boolean {
  const last = dict.subtask_type === "chain" ? stepsOf(dict).at(-1) : undefined;
  if (last !== undefined) return endsInGroup(last);
  return dict.subtask_type === "chord" ? endsInGroup(chordPartsOf(dict).body) : dict.subtask_type === "group";
}

/** Whether a signature, once it starts, counts results. */
export function hasChord(dict: SignatureDict): boolean {
  const parts = { chain: stepsOf, group: membersOf } as const;
  const { subtask_type: kind } = dict;
  if (kind === "chord") return true;
  return (kind === "chain" || kind === "group") && parts[kind](dict).some(hasChord);
}

/** By what ids results know a task that was not sent; nothing for one that has none. */
export function idsOfCall({ options }: SignatureDict): readonly Pick<TaskMeta, "taskId" | "groupId" | "replyTo">[] {
  const { task_id: taskId, group_id: groupId, reply_to: replyTo } = options;
  if (typeof taskId !== "string") return [];
  const ids = { taskId, groupId: typeof groupId === "string" ? groupId : null };
  return [typeof replyTo === "string" ? { ...ids, replyTo } : ids];
}

/** Undefined for a task that is no member of a chord. */
export function chordTaskOf(request: TaskRequest): ChordTask | undefined {
  const { id: taskId, groupId: chordId, groupIndex: index, followUps } = request;
  if (followUps.chord === null || chordId === null) return undefined;
  return { member: { chordId, taskId, index }, body: followUps.chord };
}

/** The same of a task that was not sent yet. */
export function chordTaskWithin({ options }: SignatureDict): ChordTask | undefined {
  const { task_id: taskId } = options;
  const membership = membershipFromWire(options);
  if (typeof taskId !== "string" || membership === undefined || membership.chord === null) return undefined;
  const { groupId: chordId, groupIndex: index, chord: body } = membership;
  return { member: { chordId, taskId, index }, body };
}
