import { Signature } from "../canvas/signature.ts";
import type { AsyncResult } from "../result/async-result.ts";
import type { CallArguments } from "./bind-arguments.ts";
import type { TaskDefinition } from "./define-task.ts";
import { InvalidArgumentsError } from "./errors.ts";
import type { SendOptions } from "./send-options.ts";
import type { Task } from "./task.ts";

/** What a task needs of its app to be sent. */
export interface Caller {
  send(call: Signature): Promise<AsyncResult>;
  runHere(call: Signature): Promise<AsyncResult>;
}

/** The callable form of a definition; its types are those that `DefineTask` promised. */
export function makeTask(
  definition: TaskDefinition,
  caller: Caller,
): Task<readonly unknown[], readonly string[], unknown> {
  const { name, options } = definition;
  const withArguments = (args: readonly unknown[], immutable: boolean): Signature =>
    new Signature({ task: name, ...callArguments(definition, args), immutable });
  const withOptions = (call: Partial<CallArguments> & SendOptions): Signature => {
    const { args = [], kwargs = {}, ...sendOptions } = call;
    return new Signature({ task: name, args, kwargs, options: sendOptions });
  };
  return {
    name,
    options,
    delay: (...args) => rejecting(() => caller.send(withArguments(args, false))),
    applyAsync: (call) => rejecting(() => caller.send(withOptions(call))),
    apply: async (call) => caller.runHere(withOptions(call)),
    s: (...args) => withArguments(args, false),
    si: (...args) => withArguments(args, true),
  };
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
