import { chunks, starmap, xmap } from "../canvas/maps.ts";
import type { Sender } from "../canvas/sender.ts";
import { Signature } from "../canvas/signature.ts";
import type { AsyncResult } from "../result/async-result.ts";
import type { CallArguments } from "./bind-arguments.ts";
import type { TaskDefinition } from "./define-task.ts";
import { InvalidArgumentsError } from "./errors.ts";
import type { SendOptions } from "./send-options.ts";
import type { KeywordTask, Task } from "./task.ts";

type PositionalTask = Task<readonly unknown[], readonly string[], unknown>;

/** One of the two: which, its definition says. */
export type AnyTask = PositionalTask & KeywordTask<object, unknown>;

/** The callable form of a definition; its types are those that `DefineTask` promised. */
export function makeTask(definition: TaskDefinition, sender: Sender): AnyTask {
  const { name, options } = definition;
  const withArguments = (args: readonly unknown[], immutable: boolean): Signature =>
    new Signature({ task: name, ...callArguments(definition, args), immutable }, sender);
  const withOptions = (call: Partial<CallArguments> & SendOptions): Signature => {
    const { args = [], kwargs = {}, ...sendOptions } = call;
    return new Signature({ task: name, args, kwargs, options: sendOptions }, sender);
  };
  const sent = (make: () => Signature): Promise<AsyncResult> =>
    rejecting(() => sender.send(make()) as Promise<AsyncResult>);
  const task: PositionalTask = {
    name,
    options,
    delay: (...args) => sent(() => withArguments(args, false)),
    applyAsync: (call) => sent(() => withOptions(call)),
    apply: async (call) => sender.runHere(withOptions(call)) as Promise<AsyncResult>,
    s: (...args) => withArguments(args, false),
    si: (...args) => withArguments(args, true),
    map: (items) => xmap(task, items),
    starmap: (lists) => starmap(task, lists),
    chunks: (lists, size) => chunks(task, lists, size),
  };
  return task as AnyTask;
}

/** As an async function, at less cost: what `send` throws rejects. */
function rejecting<T>(send: () => Promise<T>): Promise<T> {
  try {
    return send();
  } catch (error) {
    return Promise.reject(error);
  }
}

/** What a task was called with: positions, or the one object of a keyword task. */
function callArguments({ name, options }: TaskDefinition, args: readonly unknown[]): CallArguments {
  if (options.kwargs === undefined) return { args, kwargs: {} };
  const [kwargs, ...more] = args;
  if (typeof kwargs !== "object" || kwargs === null || more.length > 0) {
    throw new InvalidArgumentsError(name, "kwargs", "takes one object of keyword arguments.");
  }
  return { args: [], kwargs: kwargs as Readonly<Record<string, unknown>> };
}
