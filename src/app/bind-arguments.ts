import type { StandardSchemaV1 } from "@standard-schema/spec";
import { InvalidArgumentsError } from "./errors.ts";
import type { ArgumentSpec } from "./task-options.ts";

/** The arguments of a call as they are sent: by position and by name, either, both or none. */
export interface CallArguments {
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
}

/**
 * Checks a call against a task's names and schemas and gives the handler's arguments; at once where there is no schema, which may need time.
 * The same check runs where the task is sent and where it runs. Throws, or rejects with, InvalidArgumentsError, which names the argument.
 */
export function bindArguments(
  task: string,
  spec: ArgumentSpec,
  call: CallArguments,
): readonly unknown[] | Promise<readonly unknown[]> {
  if (spec.kwargs !== undefined) return validateNamed(task, spec.kwargs, namedArguments(task, spec, call));
  const positional = positionalArguments(task, spec, call);
  return spec.args === undefined ? positional : validatePositional(task, spec.args, positional, spec.params);
}

/** All arguments by position, as Python binds a call: by place first, then by name. Source: `inspect.Signature.bind`. */
function positionalArguments(task: string, spec: ArgumentSpec, { args, kwargs }: CallArguments): readonly unknown[] {
  const names = Object.keys(kwargs);
  if (spec.params === undefined) {
    const [name] = names;
    if (name === undefined) return args;
    throw new InvalidArgumentsError(
      task,
      name,
      `got the keyword argument "${name}", but its arguments have no names. Name them in the task's "params".`,
    );
  }
  if (args.length > spec.params.length) throw tooMany(task, spec.params, args);
  const bound = [...args];
  for (const [index, param] of spec.params.entries()) {
    const name = bareName(param);
    const isNamed = Object.hasOwn(kwargs, name);
    if (index < args.length) {
      if (isNamed) throw new InvalidArgumentsError(task, name, `got two values for the argument "${name}".`);
    } else if (isNamed) {
      bound[index] = kwargs[name];
    } else if (!param.endsWith("?")) {
      throw new InvalidArgumentsError(task, name, `the argument "${name}" is missing.`);
    }
  }
  refuseUnknown(task, names, spec.params);
  return bound;
}

/** All arguments by name, for a task that takes one object. */
function namedArguments(task: string, spec: ArgumentSpec, { args, kwargs }: CallArguments): Record<string, unknown> {
  const params = spec.params ?? [];
  if (args.length > params.length) throw tooMany(task, params, args);
  const named: Record<string, unknown> = { ...kwargs };
  for (const [index, value] of args.entries()) {
    const name = bareName(params[index] ?? "");
    if (Object.hasOwn(kwargs, name)) {
      throw new InvalidArgumentsError(task, name, `got two values for the argument "${name}".`);
    }
    named[name] = value;
  }
  return named;
}

function tooMany(task: string, params: readonly string[], args: readonly unknown[]): InvalidArgumentsError {
  const argument = `args[${String(params.length)}]`;
  const takes =
    params.length === 0 ? "only keyword arguments" : `at most ${String(params.length)} (${params.join(", ")})`;
  return new InvalidArgumentsError(
    task,
    argument,
    `got ${String(args.length)} positional arguments, but takes ${takes}.`,
  );
}

function refuseUnknown(task: string, names: readonly string[], params: readonly string[]): void {
  const known = params.map(bareName);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const takes = known.length === 0 ? "takes none" : `takes ${known.join(", ")}`;
  throw new InvalidArgumentsError(task, unknown, `got an unexpected argument "${unknown}"; it ${takes}.`);
}

/** A parameter's name without the mark of those that may be left out. */
export function bareName(param: string): string {
  return param.endsWith("?") ? param.slice(0, -1) : param;
}

/** The one object that the handler gets. */
async function validateNamed(
  task: string,
  schema: StandardSchemaV1,
  named: Readonly<Record<string, unknown>>,
): Promise<readonly unknown[]> {
  return [await validate(task, schema, named, (path) => path.join("."))];
}

async function validatePositional(
  task: string,
  schema: StandardSchemaV1,
  positional: readonly unknown[],
  params: readonly string[] | undefined,
): Promise<readonly unknown[]> {
  const names = params?.map(bareName);
  const describe = ([index, ...rest]: readonly string[]): string =>
    [names?.[Number(index)] ?? `args[${String(index)}]`, ...rest].join(".");
  return (await validate(task, schema, positional, describe)) as readonly unknown[];
}

async function validate(
  task: string,
  schema: StandardSchemaV1,
  value: unknown,
  describe: (path: readonly string[]) => string,
): Promise<unknown> {
  const pending = schema["~standard"].validate(value);
  const result = pending instanceof Promise ? await pending : pending;
  if (result.issues === undefined) return result.value;
  const problems = result.issues.map((issue) => ({ argument: describe(pathOf(issue)), message: issue.message }));
  const text = problems.map(({ argument, message }) =>
    argument === "" ? message : `argument "${argument}": ${message}`,
  );
  throw new InvalidArgumentsError(task, problems[0]?.argument ?? "", text.join("; "));
}

function pathOf(issue: StandardSchemaV1.Issue): readonly string[] {
  return (issue.path ?? []).map((segment) => String(typeof segment === "object" ? segment.key : segment));
}
