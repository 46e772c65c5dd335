import { signaturesFrom } from "../message/signature-dict.ts";
import type { SignatureDict } from "../message/task-request.ts";
import { bodyOf, chainDict, chordDict, handedDown, tasksOf, told, withBody, withOptions } from "./dicts.ts";
import { withErrback, withLink } from "./links.ts";
import { withPartials } from "./partials.ts";
import type { Sender } from "./sender.ts";

/**
 * The steps of a chain of these canvases: chains among them dissolve, a group that is followed by anything is the header of a chord with that for its
 * body, and what follows a chord follows its body. A group of one is a group all the same, and gives a list of one.
 *
 * Celery: `celery/canvas.py:_merge_chain_step`, which takes a group of one for its member, and drops a group of none.
 */
export function stepsOf(canvases: readonly SignatureDict[], sender: Sender | undefined): readonly SignatureDict[] {
  const steps: SignatureDict[] = [];
  const add = (next: SignatureDict): void => {
    if (next.subtask_type === "chain") {
      for (const step of unchained(next, sender)) add(step);
      return;
    }
    const last = steps.pop();
    if (last !== undefined) steps.push(...joined(last, next, sender));
    else steps.push(next);
  };
  for (const canvas of canvases) add(canvas);
  return steps;
}

/** What one canvas and the next are together. */
export function pipedDict(dict: SignatureDict, next: SignatureDict, sender: Sender | undefined): SignatureDict {
  if (dict.subtask_type === "group") return chordDict(handedDown(dict), next);
  if (dict.subtask_type === "chord") return withBody(dict, pipedDict(bodyOf(dict), next, sender));
  return chainDict(stepsOf([dict, next], sender));
}

function joined(last: SignatureDict, next: SignatureDict, sender: Sender | undefined): readonly SignatureDict[] {
  if (last.subtask_type === "group") return [pipedDict(last, next, sender)];
  if (last.subtask_type === "chord" && next.subtask_type !== "chord") return [pipedDict(last, next, sender)];
  return [last, next];
}

/** Options that are the whole chain's, its last task's, or behind that. Source: `celery/canvas.py:_CHAIN_RUN_OPTIONS`. */
const OF_THE_WHOLE: ReadonlySet<string> = new Set(
  "chain chord group_id group_index link link_error parent_id root_id task_id".split(" "),
);

/** The steps of a chain that dissolves, and what follows it: its callbacks are its last task's, its errbacks each task's, its arguments and other options its first task's. */
function unchained(chain: SignatureDict, sender: Sender | undefined): readonly SignatureDict[] {
  const { link, link_error: linkError, task_id: id, chain: later } = chain.options;
  const errbacks = signaturesFrom(linkError, "link_error");
  const steps = tasksOf(chain).map((step) =>
    errbacks.reduce((told, errback) => withErrback(told, errback, sender), step),
  );
  const first = steps[0];
  const ofFirst = told(chain.options).filter(([name]) => !OF_THE_WHOLE.has(name));
  if (first !== undefined) steps[0] = withPartials(withOptions(first, Object.fromEntries(ofFirst)), chain.args);
  const last = steps.pop();
  const behind = [...signaturesFrom(later, "chain")].reverse();
  if (last === undefined) return behind;
  const named = id === undefined || last.subtask_type !== null ? last : withOptions(last, { task_id: id });
  return [...steps, signaturesFrom(link, "link").reduce(withLink, named), ...behind];
}
