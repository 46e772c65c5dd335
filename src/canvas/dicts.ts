import { signatureFromDict, signaturesFrom } from "../message/signature-dict.ts";
import type { SignatureDict } from "../message/task-request.ts";

type Options = SignatureDict["options"];

/** Celery's JSON form of a chain. Source: `celery/canvas.py:_chain.__init__`. */
export function chainDict(tasks: readonly SignatureDict[], options: Options = {}): SignatureDict {
  return { task: "celery.chain", args: [], kwargs: { tasks }, options, subtask_type: "chain", immutable: false };
}

/** Source: `celery/canvas.py:group.__init__`. */
export function groupDict(tasks: readonly SignatureDict[], options: Options = {}): SignatureDict {
  return { task: "celery.group", args: [], kwargs: { tasks }, options, subtask_type: "group", immutable: false };
}

/** Source: `celery/canvas.py:_chord.__init__`. */
export function chordDict(header: readonly SignatureDict[], body: SignatureDict): SignatureDict {
  const kwargs = { kwargs: {}, header, body };
  return { task: "celery.chord", args: [], kwargs, options: {}, subtask_type: "chord", immutable: false };
}

/** The steps of a chain, the members of a group. Throws UnreadableMessageError. */
export function tasksOf({ kwargs }: SignatureDict): readonly SignatureDict[] {
  return signaturesFrom(kwargs["tasks"], "tasks");
}

/** The members of a chord's header: a list, or, once Celery has frozen it, a group. Throws UnreadableMessageError. */
export function headerOf({ kwargs }: SignatureDict): readonly SignatureDict[] {
  const { header } = kwargs;
  if (Array.isArray(header)) return signaturesFrom(header, "header");
  const group = signatureFromDict(header, "header");
  return group.subtask_type === "group" ? handedDown(group) : [group];
}

/** Throws UnreadableMessageError for a chord without one. */
export function bodyOf({ kwargs }: SignatureDict): SignatureDict {
  return signatureFromDict(kwargs["body"], "body");
}

/** The members of a group that dissolves: its options are theirs. Celery: `celery/canvas.py:group.apply_async`. */
export function handedDown(group: SignatureDict): readonly SignatureDict[] {
  const { task_id: _id, ...all } = group.options;
  const options = Object.fromEntries(told(all));
  const members = tasksOf(group);
  if (Object.keys(options).length === 0) return members;
  return members.map((member) => withOptions(member, { ...options, ...listsOfBoth(member.options, options) }));
}

/** Options that have more than one value keep all. */
const LISTS = ["link", "link_error", "stamped_headers"] as const;

function listsOfBoth(own: Options, more: Options): Options {
  const names = LISTS.filter((name) => Array.isArray(own[name]) && Array.isArray(more[name]));
  const both = (name: string): unknown[] => [...(own[name] as unknown[]), ...(more[name] as unknown[])];
  return Object.fromEntries(names.map((name) => [name, both(name)]));
}

/** Options that say anything: Python writes null for what it does not say. */
export function told(options: Options): readonly (readonly [string, unknown])[] {
  return Object.entries(options).filter(([, value]) => value !== null && value !== undefined);
}

export function withOptions(dict: SignatureDict, options: Options): SignatureDict {
  return { ...dict, options: { ...dict.options, ...options } };
}

export function withTasks(dict: SignatureDict, tasks: readonly SignatureDict[]): SignatureDict {
  return { ...dict, kwargs: { ...dict.kwargs, tasks } };
}

export function withHeader(dict: SignatureDict, header: readonly SignatureDict[]): SignatureDict {
  return { ...dict, kwargs: { ...dict.kwargs, header } };
}

export function withBody(dict: SignatureDict, body: SignatureDict): SignatureDict {
  return { ...dict, kwargs: { ...dict.kwargs, body } };
}
