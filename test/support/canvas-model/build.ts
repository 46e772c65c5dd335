import { chain, chord, group, type Canvas as BuiltCanvas, type Celeriac } from "celeriac";
import { linksOf, type Canvas, type Side, type Step } from "./canvas.ts";

/** What a task of the model is told of itself, as its last argument. Python's half: test/interop/python/canvases.py. */
export interface Plan {
  readonly name: string;
  readonly fate: NonNullable<Step["fate"]>;
  /** Ids of the canvas' tasks are this and their names. */
  readonly prefix: string;
  /** Who runs what does not say who runs it. */
  readonly side: Side;
}

type Where = Pick<Plan, "prefix" | "side">;

const LONG_AGO = new Date("2001-01-01T00:00:00Z");

/** The canvas, built as our users build theirs. `bearer` keeps the id of the task that the canvas replaces. */
export function build(app: Celeriac, canvas: Canvas, where: Where, bearer?: string): BuiltCanvas {
  const each = (parts: readonly Canvas[]): readonly BuiltCanvas[] =>
    parts.map((part) => build(app, part, where, bearer));
  switch (canvas.kind) {
    case "task":
      return linked(app, signatureOf(app, canvas, where, bearer), canvas, where);
    case "chain":
      return linked(app, chain(each(canvas.steps)), canvas, where);
    case "group":
      return linked(app, group(each(canvas.members)), canvas, where);
    case "chord":
      return linked(app, chord(each(canvas.header), build(app, canvas.body, where, bearer)), canvas, where);
  }
}

function signatureOf(app: Celeriac, step: Step, { prefix, side }: Where, bearer: string | undefined): BuiltCanvas {
  const { name, fate = "well", immutable = false } = step;
  const plan: Plan = { name, fate, prefix, side };
  return app.signature(`${step.side ?? side}.say`, {
    args: [plan],
    immutable,
    ...(name === bearer ? {} : { taskId: prefix + name }),
    ...(fate === "expired" ? { expires: LONG_AGO } : {}),
  });
}

function linked(app: Celeriac, built: BuiltCanvas, canvas: Canvas, where: Where): BuiltCanvas {
  const withLinks = linksOf(canvas).reduce((whole, link) => whole.link(build(app, link, where).toDict()), built);
  const { prefix, side } = where;
  return (canvas.errbacks ?? []).reduce(
    (whole, name) => whole.linkError(app.signature(`${side}.heard`, { args: [{ name, prefix }] }).toDict()),
    withLinks,
  );
}

/** The task whose result is the whole canvas'; undefined where that is a group's. */
export function bearerOf(canvas: Canvas): string | undefined {
  switch (canvas.kind) {
    case "task":
      return canvas.name;
    case "chain": {
      const last = canvas.steps.at(-1);
      return last === undefined ? undefined : bearerOf(last);
    }
    case "group":
      return undefined;
    case "chord":
      return bearerOf(canvas.body);
  }
}
