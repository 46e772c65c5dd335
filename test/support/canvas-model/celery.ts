import type { Canvas, Step } from "./canvas.ts";
import type { Outcome } from "./model.ts";
import { endText, listDeviations, textOfRun, type Observed } from "./observed.ts";

/**
 * What Celery did otherwise, beyond what `quirks.ts` knows. Of failures only the first cause is compared: Celery words it in three ways, as the
 * failure itself, as `Dependency … raised …`, and as `Join error: …`.
 */
export function deviationsOfCelery(expected: Outcome, observed: Observed): readonly string[] {
  const calls = expected.errbacks.filter(({ quirk }) => quirk === undefined).map(({ name }) => name);
  const optional = new Set(expected.errbacks.filter(({ quirk }) => quirk !== undefined).map(({ name }) => name));
  const heard = observed.errbacks.map(({ name }) => name).filter((name) => calls.includes(name) || !optional.has(name));
  const names = new Set([...expected.ends.keys(), ...observed.ends.keys()]);
  return [
    ...listDeviations("run", expected.runs.map(textOfRun), observed.runs.map(textOfRun)),
    ...listDeviations("errback", calls, heard),
    ...[...names].flatMap((name) => {
      const end = expected.ends.get(name);
      const got = observed.ends.get(name) ?? "nothing";
      const must = end === undefined ? "nothing" : endText(end);
      const isQuirk = end !== undefined && end.state !== "SUCCESS" && end.quirk !== undefined;
      if (must.startsWith("FAILURE ChordError") && got.startsWith("FAILURE ChordError(Join error: ")) return [];
      if (isQuirk && (got === "nothing" || !got.startsWith("SUCCESS"))) return [];
      return causeOf(got) === causeOf(must) ? [] : [`${name} must end with ${must}, and ended with ${got}`];
    }),
  ];
}

function causeOf(end: string): string {
  const cause = /(\w+Error)\(['"\\]*(\w+)['"\\]*\)[^(]*$/.exec(end);
  return cause === null || end.startsWith("SUCCESS") ? end : `${String(cause[1])} ${String(cause[2])}`;
}

/** Whether Celery contradicts itself there, or hangs, also when all tasks do well: see `CELERY_BREAKS`. */
export function isBrokenInCelery(canvas: Canvas): boolean {
  switch (canvas.kind) {
    case "task":
      return isReplaced(canvas) && isBrokenReplacement(canvas.fate.becomes, canvas);
    case "chain":
      return isBrokenChain(canvas.steps) || canvas.steps.some(isBrokenInCelery);
    case "group":
      return turnsMembers(canvas.members) || canvas.members.some(isBrokenInCelery);
    case "chord":
      return (
        turnsMembers(canvas.header) ||
        isSmallGroup(canvas.body) ||
        canvas.header.some((member) => groupAtEnd(member)?.some(({ kind }) => kind !== "task") === true) ||
        [...canvas.header, canvas.body].some(isBrokenInCelery)
      );
  }
}

function isReplaced(step: Step): step is Step & { readonly fate: { readonly becomes: Canvas } } {
  return typeof step.fate === "object" && "becomes" in step.fate;
}

/** Groups of one or none are none, most of the time; what comes behind a chord's group runs once for each of its members. */
function isBrokenChain(canvases: readonly Canvas[]): boolean {
  const steps = canvases.flatMap((step) => (step.kind === "chain" ? step.steps : [step]));
  const isPlain = canvases.every(({ kind }) => kind !== "chain");
  const breaks = (step: Canvas, place: number): boolean => {
    const later = steps.slice(place + 1);
    if (!endsInGroup(step) || later.length === 0 || (step.kind === "group" && !endsInGroup(steps[place - 1])))
      return false;
    return !isPlain || later.some(({ kind }) => kind !== "task");
  };
  return steps.some(isSmallGroup) || steps.some(breaks);
}

/** A group's end is not made one result, and links get the wrong one's, where it is not the only composite of a chain. */
function isBrokenReplacement(canvas: Canvas, { links = [] }: Step): boolean {
  const isMixed = canvas.kind === "chain" && canvas.steps.slice(0, -1).some(({ kind }) => kind !== "task");
  const isBroken = isMixed ? endsInGroup(canvas) || links.length > 0 : canvas.kind === "chord" && endsInGroup(canvas);
  return isBroken || isBrokenInCelery(canvas);
}

function turnsMembers(members: readonly Canvas[]): boolean {
  return members.some((member) => member.kind === "group" && flattened(member.members).length > 1);
}

function isSmallGroup(canvas: Canvas): boolean {
  return canvas.kind === "group" && flattened(canvas.members).length <= 1;
}

function flattened(members: readonly Canvas[]): readonly Canvas[] {
  return members.flatMap((member) => (member.kind === "group" ? flattened(member.members) : [member]));
}

function endsInGroup(canvas: Canvas | undefined): boolean {
  return groupAtEnd(canvas) !== undefined;
}

function groupAtEnd(canvas: Canvas | undefined): readonly Canvas[] | undefined {
  switch (canvas?.kind) {
    case "chain":
      return groupAtEnd(canvas.steps.at(-1));
    case "group":
      return canvas.members;
    case "chord":
      return groupAtEnd(canvas.body);
    default:
      return undefined;
  }
}
