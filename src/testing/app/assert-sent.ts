import { AssertionError } from "node:assert";
import { inspect } from "node:util";
import { suggest } from "../../util/suggest.ts";
import { nameOfTask, type TaskName } from "../task-name.ts";
import { matches } from "./matching.ts";
import type { SentCall, SentCalls } from "./sent-calls.ts";

/** What is expected of a call; what is not named does not matter. Values may be matchers of the test runner: `expect.any(String)`. */
export interface ExpectedCall extends Partial<Omit<SentCall, "task" | "sentAt">> {
  /** How many calls are to be like this. @default at least one */
  readonly times?: number;
}

type Properties = Omit<ExpectedCall, "times">;

/** Calls that an error message lists at most. */
const MAX_LISTED = 10;

/** The calls that are as expected. Throws AssertionError when there are none, or not so many as expected. */
export function assertSent(calls: SentCalls, task: TaskName, expected: ExpectedCall = {}): readonly SentCall[] {
  const { times, ...properties } = expected;
  const sent = calls.of(task);
  const found = sent.filter((call) => isLike(call, properties));
  if (times === undefined ? found.length > 0 : found.length === times) return found;
  const often = times === undefined ? "" : ` ${counted(times)}`;
  const truth = found.length === 0 ? "it was not" : `it was ${counted(found.length)}`;
  const wanted = `Expected ${nameOfTask(task)}${describe(properties)} to have been sent${often}, but ${truth}.`;
  const message = `${wanted}\n${account(calls, task)}`;
  const compared = found.length === 0 ? comparison(sent, properties) : {};
  throw new AssertionError({ message, ...compared, operator: "assertSent", stackStartFn: assertSent });
}

/** Throws AssertionError when a call is like this. */
export function refuteSent(calls: SentCalls, task: TaskName, expected: Properties = {}): void {
  const found = calls.of(task).filter((call) => isLike(call, expected));
  if (found.length === 0) return;
  const wanted = `Expected ${nameOfTask(task)}${describe(expected)} not to have been sent, but it was ${counted(found.length)}:`;
  throw new AssertionError({ message: `${wanted}\n${list(found)}`, stackStartFn: refuteSent });
}

function isLike(call: SentCall, properties: Properties): boolean {
  return entriesOf(properties).every(([key, value]) => matches(value, call[key]));
}

function entriesOf(properties: Properties): readonly (readonly [keyof Properties, unknown])[] {
  return Object.entries(properties) as [keyof Properties, unknown][];
}

/** What the runner shows the difference of: what was expected, and the nearest call. */
function comparison(sent: readonly SentCall[], expected: Properties): { actual?: unknown; expected?: unknown } {
  const nearest = nearestOf(sent, expected);
  if (nearest === undefined) return {};
  return { actual: Object.fromEntries(entriesOf(expected).map(([key]) => [key, nearest[key]])), expected };
}

/** Of those that have most in common with what was expected, the first. */
function nearestOf(sent: readonly SentCall[], expected: Properties): SentCall | undefined {
  const hits = (call: SentCall): number =>
    entriesOf(expected).filter(([key, value]) => matches(value, call[key])).length;
  return sent.reduce<SentCall | undefined>(
    (best, call) => (best === undefined || hits(call) > hits(best) ? call : best),
    undefined,
  );
}

/** What was sent instead. */
function account(calls: SentCalls, task: TaskName): string {
  const same = calls.of(task);
  if (same.length > 0) return `${nameOfTask(task)} was sent ${counted(same.length)}:\n${list(same)}`;
  const all = calls.of();
  if (all.length === 0) return "Nothing was sent at all.";
  const meant = suggest(nameOfTask(task), new Set(all.map((call) => call.task)));
  const question = meant === undefined ? "" : ` Did you mean "${meant}"?`;
  return `No call of that task was sent.${question} What was sent:\n${list(all)}`;
}

function list(calls: readonly SentCall[]): string {
  const lines = calls.slice(0, MAX_LISTED).map((call) => `  ${call.task}${describe(essence(call))}`);
  return [...lines, ...(calls.length > MAX_LISTED ? [`  … and ${calls.length - MAX_LISTED} more`] : [])].join("\n");
}

/** What tells calls apart. */
function essence({ args, kwargs, queue, countdownMs }: SentCall): Properties {
  return {
    ...(args.length > 0 ? { args } : {}),
    ...(Object.keys(kwargs).length > 0 ? { kwargs } : {}),
    queue,
    ...(countdownMs > 0 ? { countdownMs } : {}),
  };
}

function describe(properties: Properties): string {
  if (entriesOf(properties).length === 0) return "";
  return ` with ${inspect(properties, { depth: 6, breakLength: Infinity })}`;
}

function counted(times: number): string {
  if (times === 1) return "once";
  return times === 2 ? "twice" : `${times} times`;
}
