import { Group } from "../canvas/group.ts";
import { chunksDict } from "../canvas/maps.ts";
import { STORED_TASK } from "../canvas/stored.ts";
import type { AnyCanvas } from "../canvas/takes.ts";
import { signatureFromDict } from "../message/signature-dict.ts";
import { bindArguments } from "./bind-arguments.ts";
import type { TaskBody, TaskDefinition } from "./define-task.ts";
import type { TaskContext } from "./task-context.ts";

/** What a built-in task needs of the app's own. */
interface OwnTasks {
  get(name: string): TaskDefinition | undefined;
}

/** Sends a canvas, and gives its result. */
export type Send = (canvas: AnyCanvas) => Promise<unknown>;

/** Tasks that every worker has, and that canvases are made of. Celery: `celery/app/builtins.py`. */
export function builtInTasks(tasks: OwnTasks, send: Send): readonly TaskDefinition[] {
  const map = (context: TaskContext, task: unknown, it: unknown): Promise<unknown[]> =>
    callEach(mappedTask(task, tasks), context, listOf(it, "it"), (item) => [item]);
  const starmap = (context: TaskContext, task: unknown, it: unknown): Promise<unknown[]> =>
    callEach(mappedTask(task, tasks), context, listOf(it, "it"), (item) => listOf(item, "an item of it"));
  // What it gives is no list of results but what stands for them: the result of the group that it sends.
  const chunks = (task: unknown, it: unknown, n: unknown): Promise<unknown> => {
    const dict = chunksDict(signatureFromDict(task, "the mapped task"), listOf(it, "it"), n);
    return send(new Group({ dict, sender: undefined }));
  };
  return [
    { name: "celery.map", options: { params: ["task", "it"] }, body: { handler: map, bind: true } },
    { name: "celery.starmap", options: { params: ["task", "it"] }, body: { handler: starmap, bind: true } },
    { name: "celery.chunks", options: { params: ["task", "it", "n"] }, body: { handler: chunks, bind: false } },
    { name: "celery.accumulate", options: {}, body: { handler: accumulate, bind: true }, takesAnything: true },
    { name: STORED_TASK, options: {}, body: { handler: becomeStored, bind: true }, takesAnything: true },
  ];
}

/** Python's workers send what stands for a stored canvas as the task that it is named after. Whoever takes its place finds the canvas. */
function becomeStored(context: TaskContext): never {
  const { args, kwargs } = context.request;
  throw context.replace({ task: STORED_TASK, args, kwargs, options: {}, subtask_type: null, immutable: false });
}

/** Gives what it gets, as a list, or one of it: what takes the place of a task that is replaced by a group. */
function accumulate({ request: { args, kwargs } }: TaskContext): unknown {
  const { index = null } = kwargs;
  if (index === null) return args;
  if (typeof index === "number" && index in args) return args[index];
  throw new RangeError(`celery.accumulate has no argument at the index ${JSON.stringify(index)}.`);
}

interface RunnableTask extends TaskDefinition {
  readonly body: TaskBody;
}

/** Of its signature the name alone counts, as in Celery. */
function mappedTask(signature: unknown, tasks: OwnTasks): RunnableTask {
  const { task } = signatureFromDict(signature, "the mapped task");
  const definition = tasks.get(task);
  if (definition?.body !== undefined) return { ...definition, body: definition.body };
  throw new TypeError(`Task "${task}" has no body here, so that it cannot be mapped.`);
}

/** One after the other, in the run of the built-in task: a bound task sees that task's context. No more begin once the run is to end. */
async function callEach(
  { name, options, body }: RunnableTask,
  context: TaskContext,
  items: readonly unknown[],
  argumentsOf: (item: unknown) => readonly unknown[],
): Promise<unknown[]> {
  const handler = body.handler as (...args: readonly unknown[]) => unknown;
  const results: unknown[] = [];
  for (const item of items) {
    context.signal.throwIfAborted();
    const args = await bindArguments(name, options, { args: argumentsOf(item), kwargs: {} });
    results.push(await (body.bind ? handler(context, ...args) : handler(...args)));
  }
  return results;
}

function listOf(value: unknown, name: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new TypeError(`A map needs a list, and ${name} is none.`);
}
