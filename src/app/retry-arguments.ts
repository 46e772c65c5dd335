import type { RetryChanges } from "../pool/pool.ts";
import { bareName, type CallArguments } from "./bind-arguments.ts";

/**
 * The changes of a retry that names its arguments anew only by position, or only by name: what the call had in the other way stays, apart from what would be
 * given twice. Celery: `celery/app/task.py:Task.retry`.
 */
export function withMergedArguments(
  changes: RetryChanges,
  call: CallArguments,
  params: readonly string[] = [],
): RetryChanges {
  const { args, kwargs } = changes;
  const names = params.map(bareName);
  if (args !== undefined && kwargs === undefined)
    return { ...changes, kwargs: without(call.kwargs, names.slice(0, args.length)) };
  if (kwargs !== undefined && args === undefined) {
    const placed = names.slice(0, call.args.length);
    const inPlace = call.args.map((value, index) => {
      const name = placed[index];
      return name !== undefined && Object.hasOwn(kwargs, name) ? kwargs[name] : value;
    });
    return { ...changes, args: inPlace, kwargs: without(kwargs, placed) };
  }
  return changes;
}

function without(kwargs: Readonly<Record<string, unknown>>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(kwargs).filter(([name]) => !names.includes(name)));
}
