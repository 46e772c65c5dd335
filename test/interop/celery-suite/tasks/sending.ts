import { canvasFromDict, chain, chord, group, type Canvas, type Celeriac } from "celeriac";
import { nameOf, type CanvasDict } from "./names.ts";

/** Tasks that send canvases, return them, and read them. */
export function defineSending(app: Celeriac): void {
  const add = (...args: readonly unknown[]): Canvas => app.signature(nameOf("add"), { args });
  app.task(nameOf("chain_add"), { params: ["x", "y"] }, async (x: number, y: number) => {
    await app.send(chain(add(x, x), add(y)));
  });
  app.task(nameOf("chord_add"), { params: ["x", "y"] }, async (x: number, y: number) => {
    await app.send(chord([add(x, x)], add(y)));
  });
  app.task(nameOf("build_chain_inside_task"), { bind: true }, () =>
    app.send(chain(add(1, 1), add(2), group(add(3), add(4)), add(5))),
  );
  defineNested(app, add);
  app.task(nameOf("rebuild_signature"), { params: ["sig_dict"] }, (dict: CanvasDict) => {
    rebuild(dict);
  });
}

/** Canvases that are never sent: what they call lacks its arguments. */
function defineNested(app: Celeriac, add: () => Canvas): void {
  const kinds: Readonly<Record<string, (inner: Canvas) => Canvas>> = {
    chain: (inner) => chain([inner]),
    group: (inner) => group([inner]),
    chord: (inner) => chord([inner], add()),
  };
  for (const [outer, wrapped] of Object.entries(kinds))
    for (const [inner, wrap] of Object.entries(kinds))
      app.task(nameOf(`return_nested_signature_${outer}_${inner}`), () => wrapped(wrap(add())));
}

/** Throws what is wrong with a canvas in Celery's JSON form, or with one within it. */
function rebuild(dict: CanvasDict): void {
  const { kwargs, subtask_type: kind } = canvasFromDict(dict).toDict();
  if (kind === "chord") {
    for (const member of kwargs["header"] as readonly CanvasDict[]) rebuild(member);
    rebuild(kwargs["body"] as CanvasDict);
  } else if (kind !== null) {
    for (const member of kwargs["tasks"] as readonly CanvasDict[]) rebuild(member);
  }
}
