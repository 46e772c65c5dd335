import { UnreadableMessageError } from "../message/errors.ts";
import { signaturesFrom } from "../message/signature-dict.ts";
import type { SignatureDict } from "../message/task-request.ts";
import { chainDict } from "./dicts.ts";
import { leading, stepsOf } from "./parts.ts";

/** The built-in task that stands for a part of a stored canvas, and becomes it where it is sent as a task. */
export const STORED_TASK = "celeriac.stored";

/** What a signature stands for: the steps of a chain, first to before last, that are kept as parts of a canvas. */
export interface StoredSteps {
  readonly canvas: string;
  readonly from: number;
  readonly to: number;
  /** Where it goes when it is sent as a task: to a queue whose workers know `STORED_TASK`. */
  readonly queue: string;
}

/** The signature that stands for stored steps. `options` are what is known of them without loading any: those of a chain. */
export function storedDict({ canvas, from, to, queue }: StoredSteps, options: SignatureDict["options"]): SignatureDict {
  return {
    task: STORED_TASK,
    args: [],
    kwargs: { canvas, from, to, queue },
    options: { ...options, queue },
    subtask_type: null,
    immutable: false,
  };
}

/** Undefined for a signature that stands for nothing but itself. Throws UnreadableMessageError. */
export function storedStepsOf({ task, kwargs }: SignatureDict): StoredSteps | undefined {
  if (task !== STORED_TASK) return undefined;
  const { canvas, from, to, queue } = kwargs;
  if (typeof canvas !== "string" || typeof queue !== "string" || !isPlace(from) || !isPlace(to) || from >= to)
    throw new UnreadableMessageError(`the arguments of ${STORED_TASK} name no part of a canvas`);
  return { canvas, from, to, queue };
}

function isPlace(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** The first of the steps that a signature stands for, leading the rest of them. */
export function openedDict(stored: SignatureDict, steps: StoredSteps, first: SignatureDict): SignatureDict {
  const { task_id: id, replaced_task_nesting: nesting } = stored.options;
  const { from, to } = steps;
  const ofEach = nesting === undefined ? {} : { replaced_task_nesting: nesting };
  const rest = from + 1 < to ? [storedDict({ ...steps, from: from + 1 }, { task_id: id, ...ofEach })] : [];
  const [step, ...later] = stepsOf(chainOf(stored, steps, [first, ...rest])) as [SignatureDict, ...SignatureDict[]];
  return leading(step, [...signaturesFrom(stored.options["chain"], "chain"), ...later.reverse()]);
}

/** All of the steps that a signature stands for: the chain that they are, or the only one, with what was said of the chain. */
export function wholeDict(stored: SignatureDict, steps: StoredSteps, tasks: readonly SignatureDict[]): SignatureDict {
  const chain = chainOf(stored, steps, tasks);
  const [first, ...later] = stepsOf(chain);
  return first === undefined || later.length > 0 ? chain : first;
}

function chainOf(
  { args, options }: SignatureDict,
  { queue: own }: StoredSteps,
  tasks: readonly SignatureDict[],
): SignatureDict {
  const { queue, ...others } = options;
  return { ...chainDict(tasks, queue === own ? others : options), args };
}
