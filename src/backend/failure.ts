import { inspect, types } from "node:util";
import { pythonRepr } from "../message/python-repr.ts";
import { readPythonForm, type PythonForm } from "./python-form.ts";

/** A failure as it is stored and sent: Celery's exception document plus the traceback. `celery/backends/base.py:prepare_exception`. */
export interface Failure {
  readonly exc_type: string;
  /** The arguments of the exception; usually one message. */
  readonly exc_message: readonly unknown[];
  readonly exc_module: string;
  readonly traceback: string | null;
}

/** What stands in the `result` field of a failed task's record; the traceback has a field of its own. */
export type FailureDocument = Omit<Failure, "traceback">;

/**
 * Names under which Python has an exception that is made of one message: also a class of the user's by that name is caught there as usual. All
 * others become a new class of their name, as `javascript` is no module of Python's: `celery/backends/base.py:exception_to_python`.
 */
const BUILTINS_OF_PYTHON: ReadonlySet<string> = new Set([
  ...["TypeError", "SyntaxError", "ReferenceError", "ValueError", "UnicodeError", "RuntimeError", "RecursionError"],
  ...["NotImplementedError", "AssertionError", "LookupError", "KeyError", "IndexError", "AttributeError", "NameError"],
  ...["ArithmeticError", "ZeroDivisionError", "OverflowError", "MemoryError", "BufferError", "EOFError", "OSError"],
  ...["FileNotFoundError", "FileExistsError", "PermissionError", "ConnectionError", "TimeoutError"],
]);

/** Our own errors that a task lets through, by their codes, and what Celery calls them. */
const CELERY_TWINS: ReadonlyMap<string, PythonClass> = new Map([
  ["CELERIAC_SOFT_TIME_LIMIT_EXCEEDED", { type: "SoftTimeLimitExceeded", module: "billiard.exceptions" }],
  ["CELERIAC_BAD_REPLACEMENT", { type: "ImproperlyConfigured", module: "celery.exceptions" }],
  ["CELERIAC_NOT_IN_CHORD", { type: "ValueError", module: "builtins" }],
  ["CELERIAC_MAX_RETRIES_EXCEEDED", { type: "MaxRetriesExceededError", module: "celery.exceptions" }],
]);

interface PythonClass {
  readonly type: string;
  readonly module: string;
}

/** The code of `TaskFailedError` in result/errors.ts. */
const TASK_FAILED = "CELERIAC_TASK_FAILED";

const BUILT_IN_NAMES: ReadonlySet<string> = new Set([
  "Error",
  "TypeError",
  "SyntaxError",
  "ReferenceError",
  "RangeError",
  "EvalError",
  "URIError",
  "AggregateError",
]);

/** Bounds of what is stored of one failure, in UTF-16 units and in errors. */
const MAX_NAME = 200;
const MAX_MESSAGE = 16_384;
const MAX_TRACEBACK = 65_536;
const MAX_CHAIN = 16;

/** Describes whatever was thrown. Never throws itself, however hostile the value, and its size is bounded. */
export function failureOf(error: unknown): Failure {
  if (!isError(error)) return failureOfValue(error);
  if (read(error, "code") === TASK_FAILED) return failurePassedOn(error);
  const message = textOf(read(error, "message"));
  const form = pythonFormOf(error);
  const { type, module } = { ...pythonClassOf(error), ...form };
  return {
    exc_type: type,
    exc_message: form?.args ?? (message === "" ? [] : [cut(message, MAX_MESSAGE)]),
    exc_module: module,
    traceback: cut(tracebackOf(error), MAX_TRACEBACK),
  };
}

/** Who asks for a task that let another's failure through is told of that one. */
function failurePassedOn(error: object): Failure {
  const [exc_type, exc_module] = [read(error, "remoteType"), read(error, "remoteModule")];
  const document = { exc_type, exc_module, exc_message: read(error, "remoteArgs") };
  return readFailure(document, cut(tracebackOf(error), MAX_TRACEBACK));
}

/** What the error says of itself. */
function pythonFormOf(error: object): PythonForm | undefined {
  try {
    return readPythonForm((error as { readonly python?: unknown }).python);
  } catch {
    return undefined;
  }
}

function pythonClassOf(error: object): PythonClass {
  const code = read(error, "code");
  const twin = typeof code === "string" ? CELERY_TWINS.get(code) : undefined;
  if (twin !== undefined) return twin;
  const type = nameOf(error);
  return { type, module: BUILTINS_OF_PYTHON.has(type) ? "builtins" : "javascript" };
}

/** JavaScript can throw anything; Python cannot, so that it arrives as an error with the value as its message. */
function failureOfValue(value: unknown): Failure {
  return {
    exc_type: "Error",
    exc_message: [cut(textOf(value), MAX_MESSAGE)],
    exc_module: "javascript",
    traceback: null,
  };
}

export function failureDocument(failure: Failure): FailureDocument {
  return { exc_type: failure.exc_type, exc_message: failure.exc_message, exc_module: failure.exc_module };
}

/** The failure in a stored record. Whatever is not Celery's document, such as the plain strings of old versions, becomes the message. */
export function readFailure(result: unknown, traceback: string | null): Failure {
  const document = typeof result === "object" && result !== null ? (result as Readonly<Record<string, unknown>>) : {};
  const { exc_type: type, exc_module: module, exc_message: message } = document;
  if (typeof type !== "string") {
    return { exc_type: "Exception", exc_message: argumentsOf(result), exc_module: "builtins", traceback };
  }
  return {
    exc_type: type,
    exc_message: argumentsOf(message),
    exc_module: typeof module === "string" ? module : "builtins",
    traceback,
  };
}

function argumentsOf(message: unknown): readonly unknown[] {
  if (Array.isArray(message)) return message;
  return message === undefined || message === null ? [] : [message];
}

/** The class that a user would name: subclasses often leave `name` as they inherited it. */
function nameOf(error: object): string {
  const name = read(error, "name");
  const own = typeof name === "string" && name !== "" ? name : "Error";
  const constructor = read(error, "constructor");
  const className = typeof constructor === "function" ? read(constructor, "name") : undefined;
  const better = BUILT_IN_NAMES.has(own) && typeof className === "string" && className !== "" ? className : own;
  return cut(better, MAX_NAME);
}

/** The error's stack, then those of its causes and of the errors it collects, each once. */
function tracebackOf(error: object): string {
  const parts: string[] = [];
  const seen = new Set<unknown>();
  const waiting: { readonly value: unknown; readonly title: string }[] = [{ value: error, title: "" }];
  for (let next = waiting.shift(); next !== undefined && seen.size < MAX_CHAIN; next = waiting.shift()) {
    const { value, title } = next;
    if (seen.has(value)) continue;
    seen.add(value);
    parts.push(title + cut(stackOf(value), MAX_TRACEBACK));
    if (!isError(value)) continue;
    const cause = read(value, "cause");
    if (cause !== undefined) waiting.push({ value: cause, title: "Caused by: " });
    for (const inner of collectedErrors(value)) waiting.push({ value: inner, title: "Collected: " });
  }
  return parts.join("\n\n");
}

/** `AggregateError.errors`, no more than are shown. */
function collectedErrors(error: object): readonly unknown[] {
  try {
    const { errors } = error as { readonly errors?: unknown };
    return Array.isArray(errors) ? Array.from(errors.slice(0, MAX_CHAIN)) : [];
  } catch {
    return [];
  }
}

function stackOf(value: unknown): string {
  if (!isError(value)) return textOf(value);
  const stack = read(value, "stack");
  return typeof stack === "string" && stack !== "" ? stack : `${nameOf(value)}: ${textOf(read(value, "message"))}`;
}

function isError(value: unknown): value is object {
  try {
    return types.isNativeError(value) || value instanceof Error;
  } catch {
    return false; // a proxy that refuses to show its prototype
  }
}

function read(from: object, key: PropertyKey): unknown {
  try {
    return (from as Record<PropertyKey, unknown>)[key];
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (value === undefined) return "";
  try {
    return inspect(value, {
      customInspect: false,
      depth: 3,
      breakLength: Infinity,
      maxArrayLength: 100,
      maxStringLength: MAX_MESSAGE,
    });
  } catch {
    return `a value of type ${typeof value} that cannot be shown`;
  }
}

/** At most `max` UTF-16 units, without half a character at the end. */
function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  const end = /[\uD800-\uDBFF]/.test(text.charAt(max - 2)) ? max - 2 : max - 1;
  return `${text.slice(0, end)}…`;
}

/** As Python prints the exception: `ValueError('too far', 7)`. */
export function reprFailure({ exc_type, exc_message }: Failure): string {
  return `${exc_type}(${exc_message.map(pythonRepr).join(", ")})`;
}

/** For logs and dead letters: `ValueError: too far`. */
export function describeFailure({ exc_type, exc_message }: Failure): string {
  const [limit, ...more] = exc_message;
  // Celery's argument is a bare number of seconds: `billiard/exceptions.py:TimeLimitExceeded`.
  if (exc_type === "TimeLimitExceeded" && typeof limit === "number" && more.length === 0)
    return `${exc_type}: the hard time limit of ${String(limit)} s is over`;
  return `${exc_type}: ${exc_message.map(String).join(", ")}`;
}
