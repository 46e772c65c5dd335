import { isDeepStrictEqual } from "node:util";
import { signatureFromDict, signaturesFrom } from "../message/signature-dict.ts";
import type { SignatureDict } from "../message/task-request.ts";
import { bodyOf, groupDict, tasksOf, told, withBody, withOptions, withTasks } from "./dicts.ts";
import { withPartials } from "./partials.ts";

/** What a chord consists of. */
export interface ChordParts {
  /** The group of its members. Its id is the chord's. */
  readonly header: SignatureDict;
  readonly body: SignatureDict;
}

type Options = SignatureDict["options"];

/** Options by which a signature is a member of a group and of a chord. */
export const MEMBERSHIP: ReadonlySet<string> = new Set(["group_id", "group_index", "chord"]);

/**
 * A chain's steps, with what was said of the chain as a whole: who it leads to and whose member it is concerns its last step, its errbacks
 * concern each, all else its first. Celery: `celery/canvas.py:_chain.run`, `unchain_tasks`. Throws UnreadableMessageError.
 */
export function stepsOf(chain: SignatureDict): readonly SignatureDict[] {
  const { link, link_error: linkError, task_id: taskId, chain: _later, ...options } = chain.options;
  const { membership, others } = apart(options);
  const steps = tasksOf(chain).map((step) => extended(step, "link_error", linkError));
  const last = steps.pop();
  if (last === undefined) return [];
  steps.push(extended(enrolled(withDefault(last, "task_id", taskId), membership), "link", link));
  const [first, ...later] = steps as [SignatureDict, ...SignatureDict[]];
  return [handed(withPartials(first, chain.args), others), ...later];
}

/** A group's members, with what was said of the group as a whole. Celery: `celery/canvas.py:group.apply_async`, `link`. Throws UnreadableMessageError. */
export function membersOf(group: SignatureDict): readonly SignatureDict[] {
  const { link, link_error: linkError, task_id: id, chain, ...options } = group.options;
  const { membership, others } = apart(options);
  return tasksOf(group).map((task, index) => {
    const own = extended(withPartials(task, group.args), "link_error", linkError);
    const member = enrolled(handed(own, others), { group_id: id, ...membership, group_index: index });
    const links = index === 0 ? signaturesFrom(link, "link").map((callback) => ({ ...callback, immutable: true })) : [];
    return leading(extended(member, "link", links), chain);
  });
}

/**
 * A chord's header and body, with what was said of the chord as a whole: when it starts concerns its header, who it leads to and whose member it
 * is its body, all else both. Celery: `celery/canvas.py:_chord.run`. Throws UnreadableMessageError.
 */
export function chordPartsOf(chord: SignatureDict): ChordParts {
  const { link, link_error: linkError, task_id: id, chain, countdown, eta, ...options } = chord.options;
  const { membership, others } = apart(options);
  const start = { ...(countdown === undefined ? {} : { countdown }), ...(eta === undefined ? {} : { eta }) };
  const header = handed(withDefault(headerGroupOf(chord), "task_id", id), { ...others, ...start });
  const body = enrolled(handed(bodyOf(chord), others), { group_id: header.options["task_id"], ...membership });
  return {
    header: withPartials(header, chord.args),
    body: leading(extended(extended(body, "link", link), "link_error", linkError), chain),
  };
}

/** A chord's header as the group that it is. */
export function headerGroupOf({ kwargs }: SignatureDict): SignatureDict {
  const { header } = kwargs;
  if (Array.isArray(header)) return groupDict(signaturesFrom(header, "header"));
  const dict = signatureFromDict(header, "header");
  return dict.subtask_type === "group" ? dict : groupDict([dict]);
}

function withDefault(dict: SignatureDict, option: string, value: unknown): SignatureDict {
  return value === undefined || (dict.options[option] ?? null) !== null ? dict : withOptions(dict, { [option]: value });
}

/** With more callbacks or errbacks. One that is there already is not there twice. Celery: `celery/canvas.py:Signature.append_to_list_option`. */
export function extended(dict: SignatureDict, option: "link" | "link_error", more: unknown): SignatureDict {
  const there = signaturesFrom(dict.options[option], option);
  const isNew = (followUp: SignatureDict): boolean => !there.some((other) => isDeepStrictEqual(other, followUp));
  const followUps = signaturesFrom(more, option).filter(isNew);
  return followUps.length === 0 ? dict : withOptions(dict, { [option]: [...there, ...followUps] });
}

/** With more to come behind it; next step last. */
export function leading(dict: SignatureDict, chain: unknown): SignatureDict {
  const later = signaturesFrom(chain, "chain");
  if (later.length === 0) return dict;
  return withOptions(dict, { chain: [...later, ...signaturesFrom(dict.options["chain"], "chain")] });
}

/**
 * As a member of a group, and of a chord: those are that end it, written into each, as Python's workers read it nowhere else. What is a member already
 * hands down its own. Celery:
 * `celery/canvas.py:_chain.prepare_steps`, `group._freeze_unroll`, `_chord.freeze`.
 */
function enrolled(dict: SignatureDict, membership: Options): SignatureDict {
  if ((dict.options["group_id"] ?? null) !== null) return handed(dict, membership);
  switch (dict.subtask_type) {
    case "chain": {
      const steps = [...tasksOf(dict)];
      const last = steps.pop();
      return last === undefined ? dict : withTasks(dict, [...steps, enrolled(last, membership)]);
    }
    case "group":
      return withTasks(
        dict,
        tasksOf(dict).map((task, index) => enrolled(task, { ...membership, group_index: index })),
      );
    case "chord":
      return withBody(dict, enrolled(bodyOf(dict), membership));
    default:
      return handed(dict, membership);
  }
}

/** With options of what it is a part of, but for those that nobody may change. Celery: `celery/canvas.py:Signature._merge`. */
function handed(dict: SignatureDict, options: Options): SignatureDict {
  const { stamped_headers: stamps } = dict.options;
  const fixed = new Set<unknown>(Array.isArray(stamps) ? stamps : []).add("group_id").add("stamped_headers");
  const given = told(options).filter(([name]) => !(fixed.has(name) && (dict.options[name] ?? null) !== null));
  return given.length === 0 ? dict : withOptions(dict, Object.fromEntries(given));
}

function apart(options: Options): { readonly membership: Options; readonly others: Options } {
  const entries = told(options);
  return {
    membership: Object.fromEntries(entries.filter(([name]) => MEMBERSHIP.has(name))),
    others: Object.fromEntries(entries.filter(([name]) => !MEMBERSHIP.has(name))),
  };
}
