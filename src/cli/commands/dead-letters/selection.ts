import type { DeadLetterSelection } from "../../../broker/broker.ts";
import { NoSuchDeadLetterError, UsageError } from "../../errors.ts";

/** Which dead letters a command is for: those with the ids that stand before its options, or all that the options leave. */
export interface SelectionOptions {
  readonly all?: boolean;
  readonly queue?: string;
  readonly reason?: string;
}

/** Throws UsageError for neither and for both. `what` is the command's name. */
export function selectionOf(
  what: string,
  ids: readonly string[],
  { all = false, queue, reason: code }: SelectionOptions,
): DeadLetterSelection {
  if (all && ids.length > 0) throw new UsageError(`${what} is for ids, or for --all: not for both.`);
  if (all) return { queue, code };
  if (ids.length === 0)
    throw new UsageError(`Which dead letters? Give their ids, or --all: celeriac help dead-letters ${what}`);
  if (queue !== undefined || code !== undefined) throw new UsageError("--queue and --reason go with --all.");
  return { ids: [...new Set(ids)] };
}

/** `act` for a selection, with ids one by one, so that each of those that name no dead letter is known. */
export async function actOn(
  selection: DeadLetterSelection,
  act: (selection: DeadLetterSelection) => Promise<number>,
): Promise<{ readonly count: number; readonly unknown: readonly string[] }> {
  if (!("ids" in selection)) return { count: await act(selection), unknown: [] };
  const unknown: string[] = [];
  for (const id of selection.ids) if ((await act({ ids: [id] })) === 0) unknown.push(id);
  return { count: selection.ids.length - unknown.length, unknown };
}

/** Throws NoSuchDeadLetterError when there are ids that name none. */
export function refuseUnknown(unknown: readonly string[]): void {
  if (unknown.length > 0) throw new NoSuchDeadLetterError(unknown);
}

/** As the object of a sentence. */
export function inWords({ queue, reason }: SelectionOptions): string {
  const conditions = [
    ...(queue === undefined ? [] : [` from ${queue}`]),
    ...(reason === undefined ? [] : [` with the reason ${reason}`]),
  ];
  return `every dead letter${conditions.join("")}`;
}
