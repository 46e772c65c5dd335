import type { SignatureDict, TaskRequest } from "../message/task-request.ts";
import { bodyOf, tasksOf, withBody, withOptions, withTasks } from "./dicts.ts";
import { endsInGroup } from "./freeze.ts";
import { extended, leading } from "./parts.ts";
import { pipedDict } from "./steps.ts";

/**
 * What is sent in place of a task: a signature under the task's id, in its place in groups, chords and chains, with its callbacks and errbacks.
 * Throws UnreadableMessageError. Celery: `celery/app/task.py:Task.replace`.
 */
export function replacementOf(request: TaskRequest, by: SignatureDict): SignatureDict {
  const { callbacks, errbacks, chain, chord } = request.followUps;
  const nesting = { replaced_task_nesting: request.replacedTaskNesting + 1 };
  const membership = {
    ...(request.groupId === null ? {} : { group_id: request.groupId }),
    ...(request.groupIndex === null ? {} : { group_index: request.groupIndex }),
    ...(chord === null ? {} : { chord }),
  };
  const whole = stepwise(gathered(by), (step) => withOptions(step, nesting));
  const own = withOptions(named(whole, request.id), membership);
  const followed = extended(extended(own, "link", callbacks), "link_error", errbacks);
  return leading(
    followed,
    chain.map((step) => withOptions(step, nesting)),
  );
}

/** A group has no result of its own that could be the task's: a task that takes its results has. */
function gathered(dict: SignatureDict): SignatureDict {
  return endsInGroup(dict) ? pipedDict(dict, ACCUMULATE, undefined) : dict;
}

/** Celery: `celery/app/builtins.py:add_accumulate_task`. */
const ACCUMULATE: SignatureDict = {
  ...{ task: "celery.accumulate", args: [], kwargs: { index: 0 } },
  ...{ options: {}, subtask_type: null, immutable: false },
};

/** The replacement's result is the task's, whatever id what ends it had. */
function named(dict: SignatureDict, id: string): SignatureDict {
  if (dict.subtask_type === "chord") return withBody(dict, named(bodyOf(dict), id));
  if (dict.subtask_type !== "chain") return withOptions(dict, { task_id: id });
  const steps = [...tasksOf(dict)];
  const last = steps.pop();
  return last === undefined ? dict : withOptions(withTasks(dict, [...steps, named(last, id)]), { task_id: id });
}

/** A chain's options would be those of its first step alone. */
function stepwise(dict: SignatureDict, change: (step: SignatureDict) => SignatureDict): SignatureDict {
  if (dict.subtask_type !== "chain") return change(dict);
  return withTasks(
    dict,
    tasksOf(dict).map((task) => stepwise(task, change)),
  );
}
