import type { ResultNode } from "../backend/groups.ts";
import { UnreadableMessageError } from "../message/errors.ts";
import { signaturesFrom } from "../message/signature-dict.ts";
import type { SignatureDict } from "../message/task-request.ts";
import { bodyOf, chainDict, handedDown, tasksOf, withOptions, withTasks } from "./dicts.ts";
import { headerGroupOf, stepsOf } from "./parts.ts";
import { pipedDict } from "./steps.ts";

/** A signature in which everything has its id, and what its results will be. */
export interface Frozen {
  readonly signature: SignatureDict;
  readonly result: ResultNode;
}

/** Ids that are still to be given. */
interface Ids {
  /** The id of what the signature comes to, if it has none of its own. */
  readonly id?: string | undefined;
  readonly newId: () => string;
}

/**
 * Gives every task, group and chord of a signature the id that it lacks, so that all of its results are known before anything is sent, and makes
 * it plain: chains hold no chains, groups no groups, and what follows a group is the body of a chord. What is frozen already stays as it is.
 * Undefined for a chain without tasks. Throws UnreadableMessageError.
 *
 * Celery: `celery/canvas.py:_chain.prepare_steps`, `group._freeze_unroll`, `_chord.freeze`.
 */
export function freeze(dict: SignatureDict, ids: Ids): Frozen | undefined {
  const later = signaturesFrom(dict.options["chain"], "chain");
  if (later.length > 0 && endsInGroup(dict)) {
    const { chain: _chain, ...options } = dict.options;
    return frozenChain(chainDict([{ ...dict, options }, ...[...later].reverse()]), ids);
  }
  switch (dict.subtask_type) {
    case "chain":
      return frozenChain(dict, ids);
    case "group":
      return frozenGroup(dict, ids);
    case "chord":
      return frozenChord(dict, ids);
    default: {
      const id = idOf(dict) ?? ids.id ?? ids.newId();
      return { signature: withOptions(dict, { task_id: id }), result: { id, parent: null, members: null } };
    }
  }
}

/** Its id is that of its last task. */
function frozenChain(dict: SignatureDict, { id, newId }: Ids): Frozen | undefined {
  const lastId = idOf(dict) ?? id;
  const steps = upgraded(flatSteps(tasksOf(dict)));
  const frozen = steps.flatMap(
    (step, index) => freeze(step, { newId, id: index === steps.length - 1 ? lastId : undefined }) ?? [],
  );
  const [first, ...later] = frozen;
  if (first === undefined) return undefined;
  const result = later.reduce((before, step) => withRoot(step.result, before), first.result);
  const tasks = frozen.map(({ signature }) => signature);
  return { signature: withOptions(withTasks(dict, tasks), { task_id: result.id }), result };
}

/** Chains within are their steps. */
function flatSteps(tasks: readonly SignatureDict[]): readonly SignatureDict[] {
  return tasks.flatMap((task) => (task.subtask_type === "chain" ? flatSteps(stepsOf(task)) : [task]));
}

/** What follows a group takes its results; where it is of a single task it is that task, and of none it is nothing. Celery: `canvas.py:maybe_unroll_group`. */
function upgraded(steps: readonly SignatureDict[]): readonly SignatureDict[] {
  const later: SignatureDict[] = [];
  const full = steps.filter((step) => !isEmpty(step));
  for (const step of (full.length > 0 ? full : steps.slice(-1)).reverse()) {
    const members = step.subtask_type === "group" ? tasksOf(step) : undefined;
    const next = endsInGroup(step) ? later.shift() : undefined;
    if (next === undefined) later.unshift(step);
    else if (members?.length === 1) later.unshift(...upgraded(flatSteps([...members, next])));
    else later.unshift(pipedDict(step, next, undefined));
  }
  return later;
}

function isEmpty(dict: SignatureDict): boolean {
  return (dict.subtask_type === "group" || dict.subtask_type === "chain") && tasksOf(dict).every(isEmpty);
}

/** Whether what it gives in the end is a list of results. */
export function endsInGroup(dict: SignatureDict): boolean {
  switch (dict.subtask_type) {
    case "chain":
      return tasksOf(dict).slice(-1).some(endsInGroup);
    case "group":
      return true;
    case "chord":
      return endsInGroup(bodyOf(dict));
    default:
      return false;
  }
}

function frozenGroup(dict: SignatureDict, { newId }: Ids): Frozen {
  const id = idOf(dict) ?? newId();
  const members = flatMembers(tasksOf(dict)).flatMap((member) => freeze(member, { newId }) ?? []);
  const tasks = members.map(({ signature }) => signature);
  return {
    signature: withOptions(withTasks(dict, tasks), { task_id: id }),
    result: { id, parent: null, members: members.map(({ result }) => result) },
  };
}

/** Groups within are their members. */
function flatMembers(tasks: readonly SignatureDict[]): readonly SignatureDict[] {
  return tasks.flatMap((task) => (task.subtask_type === "group" ? flatMembers(handedDown(task)) : [task]));
}

/** Its id is its header's, once its body has one. */
function frozenChord(dict: SignatureDict, { id, newId }: Ids): Frozen {
  const [own, header, body] = [idOf(dict), headerGroupOf(dict), bodyOf(dict)];
  const isFrozen = idOf(body) !== undefined;
  const end = freeze(body, { newId, id: id ?? own });
  if (end === undefined) throw new UnreadableMessageError("the body of a chord is an empty chain");
  const headerId = idOf(header) ?? (isFrozen ? own : undefined) ?? newId();
  const start = frozenGroup(withOptions(header, { task_id: headerId }), { newId });
  return {
    signature: withOptions(
      { ...dict, kwargs: { ...dict.kwargs, header: start.signature, body: end.signature } },
      { task_id: headerId },
    ),
    result: withRoot(end.result, start.result),
  };
}

/** What came before the first of a result's own line. */
function withRoot(result: ResultNode, root: ResultNode): ResultNode {
  return { ...result, parent: result.parent === null ? root : withRoot(result.parent, root) };
}

function idOf({ options }: SignatureDict): string | undefined {
  const { task_id: id } = options;
  return typeof id === "string" && id !== "" ? id : undefined;
}
