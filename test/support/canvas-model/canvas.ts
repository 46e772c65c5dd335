/** A canvas as a plain tree: what the reference model judges, and what Celery and we build theirs from. Names are unique within a tree. */
export type Canvas = Step | Chain | Group | Chord;

/** One task. It gives `[name, ...what it was given]`, so that results show how they came about. */
export interface Step {
  readonly kind: "task";
  readonly name: string;
  /** @default "well" */
  readonly fate?: Fate;
  /** Whether it is given nothing. @default false */
  readonly immutable?: boolean;
  /** Called with its value. */
  readonly links?: readonly Canvas[];
  /** Names of the tasks that are called when it fails. */
  readonly errbacks?: readonly string[];
  /** Who runs it. @default the half that the whole canvas is sent to */
  readonly side?: Side;
}

export interface Chain {
  readonly kind: "chain";
  readonly steps: readonly Canvas[];
  readonly links?: readonly Canvas[];
  readonly errbacks?: readonly string[];
}

export interface Group {
  readonly kind: "group";
  readonly members: readonly Canvas[];
  readonly errbacks?: readonly string[];
}

export interface Chord {
  readonly kind: "chord";
  readonly header: readonly Canvas[];
  readonly body: Canvas;
  readonly links?: readonly Canvas[];
  readonly errbacks?: readonly string[];
}

export type Side = "python" | "typescript";

/** What becomes of a task. */
export type Fate =
  | "well"
  /** Raises `ValueError(name)`. */
  | "fails"
  /** Asks for a retry in its first run, and does well in its second. */
  | "retried"
  /** Revoked before it starts. */
  | "revoked"
  /** Expired before it starts. */
  | "expired"
  /** Its first worker dies while it runs. */
  | "killed"
  /** Runs a second time, as the same message, when its first run is over. */
  | "redelivered"
  | { readonly becomes: Canvas }
  | { readonly adds: Step };

export const isAlone = (fate: Fate): fate is Extract<Fate, string> => typeof fate === "string";

/** A group has none: what follows all of it is the body of a chord. */
export function linksOf(canvas: Canvas): readonly Canvas[] {
  return canvas.kind === "group" ? [] : (canvas.links ?? []);
}

/** All tasks that a tree can come to run, links and replacements included. */
export function stepsWithin(canvas: Canvas): readonly Step[] {
  switch (canvas.kind) {
    case "task": {
      const { fate = "well", links = [] } = canvas;
      const more = isAlone(fate) ? [] : ["becomes" in fate ? fate.becomes : fate.adds];
      return [canvas, ...[...links, ...more].flatMap(stepsWithin)];
    }
    case "chain":
      return [...canvas.steps, ...(canvas.links ?? [])].flatMap(stepsWithin);
    case "group":
      return canvas.members.flatMap(stepsWithin);
    case "chord":
      return [...canvas.header, canvas.body, ...(canvas.links ?? [])].flatMap(stepsWithin);
  }
}

/** The tree with another in place of each task of it, links included and replacements not. */
export function mapSteps(canvas: Canvas, change: (step: Step) => Canvas): Canvas {
  const each = (parts: readonly Canvas[]): readonly Canvas[] => parts.map((part) => mapSteps(part, change));
  const links = linksOf(canvas).length === 0 ? {} : { links: each(linksOf(canvas)) };
  switch (canvas.kind) {
    case "task":
      return change({ ...canvas, ...links });
    case "chain":
      return { ...canvas, ...links, steps: each(canvas.steps) };
    case "group":
      return { ...canvas, members: each(canvas.members) };
    case "chord":
      return { ...canvas, ...links, header: each(canvas.header), body: mapSteps(canvas.body, change) };
  }
}

/** As one would write it: `chain(a, group(b fails, c))`. */
export function canvasText(canvas: Canvas): string {
  const list = (parts: readonly Canvas[]): string => parts.map(canvasText).join(", ");
  const { errbacks = [] } = canvas;
  const tail = [
    ...linksOf(canvas).map((link) => `.link(${canvasText(link)})`),
    ...errbacks.map((name) => `.linkError(${name})`),
  ].join("");
  switch (canvas.kind) {
    case "task": {
      const { name, side, fate, immutable } = canvas;
      const who = [...(side === undefined ? [] : [side]), ...(immutable === true ? ["immutable"] : []), name];
      return [...who, ...(fate === undefined || fate === "well" ? [] : [fateText(fate)])].join(" ") + tail;
    }
    case "chain":
      return `chain(${list(canvas.steps)})${tail}`;
    case "group":
      return `group(${list(canvas.members)})${tail}`;
    case "chord":
      return `chord([${list(canvas.header)}], ${canvasText(canvas.body)})${tail}`;
  }
}

function fateText(fate: Fate): string {
  if (isAlone(fate)) return fate;
  return "becomes" in fate ? `becomes ${canvasText(fate.becomes)}` : `adds ${canvasText(fate.adds)}`;
}

export function task(name: string, more: Omit<Step, "kind" | "name"> = {}): Step {
  return { kind: "task", name, ...more };
}

export function chain(...steps: readonly Canvas[]): Chain {
  return { kind: "chain", steps };
}

export function group(...members: readonly Canvas[]): Group {
  return { kind: "group", members };
}

export function chord(header: readonly Canvas[], body: Canvas): Chord {
  return { kind: "chord", header, body };
}
