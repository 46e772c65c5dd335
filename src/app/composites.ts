import type { ChordMember } from "../backend/chords.ts";
import { Signature } from "../canvas/signature.ts";
import { membershipFromWire } from "../canvas/signature-options.ts";
import { signaturesFrom } from "../message/signature-dict.ts";
import type { SignatureDict, TaskRequest } from "../message/task-request.ts";

/** A call and the rest of the chain that it leads, next step last. */
export interface Lead {
  readonly call: Signature;
  readonly chain: readonly SignatureDict[];
}

/** A task that counts in a chord. */
export interface ChordTask {
  readonly member: ChordMember;
  readonly body: SignatureDict;
}

/** What in a signature cannot be sent here, by its kind; undefined when nothing. Throws UnreadableMessageError. */
export function unsendablePart(dict: SignatureDict): string | undefined {
  switch (dict.subtask_type) {
    case null:
      return undefined;
    case "chain":
      return kindOf(tasksOf(dict).slice(0, 1));
    case "group":
      return kindOf(tasksOf(dict));
    default:
      return dict.subtask_type;
  }
}

function kindOf(dicts: readonly SignatureDict[]): string | undefined {
  return dicts.map(({ subtask_type: kind }) => kind).find((kind) => kind !== null) ?? undefined;
}

/**
 * The calls that begin a signature of which nothing is unsendable: itself, the first of a chain, all of a group. The composite's own callbacks
 * become those of its last task, its errbacks those of each: `celery/canvas.py:_chain.run`, `group.apply_async`.
 */
export function leadsOf(dict: SignatureDict): readonly Lead[] {
  const { chain, link, link_error: linkError } = dict.options;
  const rest = signaturesFrom(chain, "chain");
  if (dict.subtask_type === null) return [{ call: Signature.fromDict(dict), chain: rest }];
  const tasks = tasksOf(dict).map((task) => extended(task, "link_error", linkError));
  if (dict.subtask_type === "group") return tasks.flatMap(leadsOf);
  const last = tasks.pop();
  if (last !== undefined) tasks.push(extended(last, "link", link));
  const [first, ...steps] = tasks;
  return first === undefined ? [] : [{ call: Signature.fromDict(first), chain: [...rest, ...steps.reverse()] }];
}

/** The tasks that a signature would have become, as far as somebody may wait for them; of a chord, its body's. Celery: `base.py:Backend._fail_chain`. */
export function tasksWithin(dict: SignatureDict): readonly SignatureDict[] {
  const { chain } = dict.options;
  const later = signaturesFrom(chain, "chain").flatMap(tasksWithin);
  switch (dict.subtask_type) {
    case "chain":
    case "group":
      return [...tasksOf(dict).flatMap(tasksWithin), ...later];
    case "chord":
      return [...signaturesFrom(dict.kwargs["body"], "body").flatMap(tasksWithin), ...later];
    default:
      return [dict, ...later];
  }
}

/** The errbacks of a signature, and whose failure they are to hear of: a group's are those of each of its tasks. */
export function errbacksWithin(
  dict: SignatureDict,
): readonly { readonly id: string; readonly errbacks: readonly SignatureDict[] }[] {
  const { task_id: id, link_error: linkError } = dict.options;
  if (dict.subtask_type === "group")
    return tasksOf(dict).flatMap((task) => errbacksWithin(extended(task, "link_error", linkError)));
  return typeof id === "string" ? [{ id, errbacks: signaturesFrom(linkError, "link_error") }] : [];
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

function tasksOf({ kwargs }: SignatureDict): SignatureDict[] {
  return [...signaturesFrom(kwargs["tasks"], "tasks")];
}

function extended(dict: SignatureDict, option: "link" | "link_error", more: unknown): SignatureDict {
  const dicts = signaturesFrom(more, option);
  if (dicts.length === 0) return dict;
  const { options } = dict;
  return { ...dict, options: { ...options, [option]: [...signaturesFrom(options[option], option), ...dicts] } };
}
