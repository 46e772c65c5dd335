import { readFailure } from "../../../src/backend/failure.ts";
import type { TaskMeta } from "../../../src/backend/task-meta.ts";
import { linksOf, stepsWithin, type Canvas } from "./canvas.ts";
import type { End, Outcome, Run } from "./model.ts";

/** What came of a canvas. Its tasks' ids are a prefix and their names, and names alone are left of them here. */
export interface Observed {
  readonly runs: readonly Run[];
  readonly errbacks: readonly { readonly name: string; readonly failed: string }[];
  /** As stored, as text: `SUCCESS ["a"]`, `FAILURE ValueError('a')`. */
  readonly ends: ReadonlyMap<string, string>;
}

/** The ids of all tasks that may leave a result. */
export function idsOf(canvas: Canvas, prefix: string): readonly string[] {
  return stepsWithin(canvas).map(({ name }) => prefix + name);
}

export function endsIn(metas: Iterable<TaskMeta>, prefix: string): ReadonlyMap<string, string> {
  return new Map([...metas].map((meta) => [meta.taskId.slice(prefix.length), textOf(meta, prefix)]));
}

function textOf({ state, result, traceback }: TaskMeta, prefix: string): string {
  if (state === "SUCCESS") return `SUCCESS ${JSON.stringify(result)}`;
  const { exc_type: type, exc_message: message } = readFailure(result, traceback);
  return `${state} ${type}(${message.map((part) => String(part).replaceAll(prefix, "")).join(", ")})`;
}

export function endText(end: End): string {
  return end.state === "SUCCESS" ? `SUCCESS ${JSON.stringify(end.value)}` : `${end.state} ${end.type}(${end.message})`;
}

export interface DeviationsOptions {
  /** Whether it matters how often things come, and not only that they do. */
  readonly counts: boolean;
}

/** What did not come as it must, a line for each; nothing when all did. */
export function deviations(
  { runs, errbacks, ends }: Outcome,
  observed: Observed,
  { counts }: DeviationsOptions,
): readonly string[] {
  const counted = (texts: readonly string[]): readonly string[] => (counts ? texts : [...new Set(texts)]);
  const expectedEnds = new Map([...ends].map(([name, end]) => [name, endText(end)]));
  const calls = (list: Observed["errbacks"], of: ReadonlyMap<string, string>): readonly string[] =>
    counted(list.map(({ name, failed }) => `${name} of ${failureText(failed, of)}`));
  return [
    ...listDeviations("run", counted(runs.map(textOfRun)), counted(observed.runs.map(textOfRun))),
    ...listDeviations("call of an errback", calls(errbacks, expectedEnds), calls(observed.errbacks, observed.ends)),
    ...[...new Set([...ends.keys(), ...observed.ends.keys()])].flatMap((name) => {
      const expected = expectedEnds.get(name) ?? "nothing";
      const got = observed.ends.get(name) ?? "nothing";
      return expected === got ? [] : [`${name} must end with ${expected}, and ended with ${got}`];
    }),
  ];
}

/** Where a chain never begins since a chord failed, its errbacks are told of its first step or of its last, as it comes: both failed of the same. */
function failureText(failed: string, ends: ReadonlyMap<string, string>): string {
  const end = ends.get(failed);
  return end?.startsWith("FAILURE ") === true ? end : failed;
}

/**
 * Whether a task that is delivered again leads to others: these are sent again, since nobody knows whether they were. The body of its chord is not
 * sent again.
 */
export function isSentOnAgain(canvas: Canvas, isFollowed = false): boolean {
  const leads = isFollowed || linksOf(canvas).length > 0;
  switch (canvas.kind) {
    case "task":
      return canvas.fate === "redelivered" && leads;
    case "chain":
      return canvas.steps.some((step, place) => isSentOnAgain(step, leads || place < canvas.steps.length - 1));
    case "group":
      return canvas.members.some((member) => isSentOnAgain(member, canvas.members.length === 1 && leads));
    case "chord":
      return canvas.header.some((member) => isSentOnAgain(member)) || isSentOnAgain(canvas.body, leads);
  }
}

export function textOfRun({ name, args }: Run): string {
  return `${name}(${args.map((arg) => JSON.stringify(arg)).join(", ")})`;
}

export function listDeviations(what: string, expected: readonly string[], got: readonly string[]): readonly string[] {
  const left = [...got];
  const missing = expected.filter((each) => {
    const place = left.indexOf(each);
    if (place >= 0) left.splice(place, 1);
    return place < 0;
  });
  return [
    ...missing.map((each) => `missing ${what}: ${each}`),
    ...left.map((each) => `${what} that must not be: ${each}`),
  ];
}
