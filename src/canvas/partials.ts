import type { SignatureDict } from "../message/task-request.ts";
import { headerOf, tasksOf, withHeader, withTasks } from "./dicts.ts";

/**
 * The canvas with arguments before its own and keywords over them: they are the first task's of a chain, every member's of a group, the header's
 * of a chord. What is immutable stays as it is. Put where they belong at once, since a chain in Celery's JSON form has no place for them.
 *
 * Celery: `celery/canvas.py:Signature._merge`, `_chain.run`, `group._prepared`, `_chord.run`.
 */
export function withPartials(
  dict: SignatureDict,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>> = {},
): SignatureDict {
  if (dict.immutable || (args.length === 0 && Object.keys(kwargs).length === 0)) return dict;
  const given = (part: SignatureDict): SignatureDict => withPartials(part, args, kwargs);
  switch (dict.subtask_type) {
    case "chain": {
      const [first, ...rest] = tasksOf(dict);
      return first === undefined ? dict : withTasks(dict, [given(first), ...rest]);
    }
    case "group":
      return withTasks(dict, tasksOf(dict).map(given));
    case "chord":
      return withHeader(dict, headerOf(dict).map(given));
    default:
      return { ...dict, args: [...args, ...dict.args], kwargs: { ...dict.kwargs, ...kwargs } };
  }
}
