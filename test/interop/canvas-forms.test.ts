import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  canvasFromDict,
  Celeriac,
  chain,
  chord,
  chunks,
  group,
  starmap,
  xmap,
  type Canvas,
  type StampingVisitor,
} from "celeriac";
import type { SignatureDict } from "../../src/message/task-request.ts";
import { PythonProcess } from "../support/python-process.ts";
import { PYTHON } from "./celery-worker-reads.ts";

const app = new Celeriac();
const toHeaders = new Celeriac({ taskAllowErrorCbOnChordHeader: true });
const add = app.stub<(x: number, y: number) => number>("add");
const total = app.stub<(numbers: readonly number[]) => number>("total");
const hear = app.stub<(...args: unknown[]) => unknown>("hear");
const addToHeaders = toHeaders.stub<(x: number, y: number) => number>("add");

/** As `Names` in Python. */
const names: StampingVisitor = {
  onSignature: ({ task }, stamps) => ({ task, before: Object.keys(stamps).sort() }),
  onGroupStart: ({ kwargs }) => ({ in_group: (kwargs["tasks"] as unknown[]).length }),
  onChainStart: ({ kwargs }) => ({ in_chain: (kwargs["tasks"] as unknown[]).length }),
  onChordBody: () => ({ body: true }),
  onCallback: ({ task }) => ({ callback: task }),
  onErrback: ({ task }) => ({ errback: task }),
};

/** What we build, and the expression in Python that builds the same. */
const SAME: readonly (readonly [expression: string, canvas: Canvas])[] = [
  // Signatures
  ["add.s(1, 2)", add.s(1, 2)],
  ["add.si(1, 2)", add.si(1, 2)],
  [
    "add.signature((1,), {'y': 2}, immutable=True)",
    app.signature("add", { args: [1], kwargs: { y: 2 }, immutable: true }),
  ],
  ["add.s(2).set(queue='q', countdown=1.5, priority=3)", add.s(2).set({ queue: "q", countdownMs: 1500, priority: 3 })],
  ["add.s(2).clone((1,), {'z': 3}, queue='q')", add.s(2).clone({ args: [1], kwargs: { z: 3 }, queue: "q" })],
  ["add.si(1, 2).clone((0,), {'z': 3}, queue='q')", add.si(1, 2).clone({ args: [0], kwargs: { z: 3 }, queue: "q" })],
  ["linked(add.s(1, 2), hear.s(), hear.s(), hear.s(1))", add.s(1, 2).link(hear.s()).link(hear.s()).link(hear.s(1))],
  [
    "guarded(add.s(1, 2), hear.s(), hear.s(), hear.s(1))",
    add.s(1, 2).linkError(hear.s()).linkError(hear.s()).linkError(hear.s(1)),
  ],
  // Chains
  ["chain(add.s(1, 2), add.s(3))", chain(add.s(1, 2), add.s(3))],
  ["chain([add.s(1, 2), add.s(3)])", chain([add.s(1, 2), add.s(3)])],
  ["add.s(1, 2) | add.s(3) | add.s(4)", add.s(1, 2).pipe(add.s(3)).pipe(add.s(4))],
  [
    "chain(chain(add.s(1, 2), add.s(3)), chain(add.s(4), add.s(5)))",
    chain(chain(add.s(1, 2), add.s(3)), chain(add.s(4), add.s(5))),
  ],
  ["chain(add.s(9, 1), add.s(3))", withFirst(chain(add.s(1), add.s(3)), 9)],
  ["linked(chain(add.s(1, 2), add.s(3)), hear.s())", chain(add.s(1, 2), add.s(3)).link(hear.s())],
  [
    "chain(guarded(linked(chain(add.s(1, 2), add.s(3)), hear.s(1)), hear.s(2)), add.s(4))",
    chain(chain(add.s(1, 2), add.s(3)).link(hear.s(1)).linkError(hear.s(2)), add.s(4)),
  ],
  [
    "chain(add.s(1, 2), guarded(linked(chain(group(add.s(3), add.s(4)), total.s()), hear.s(1)), hear.s(2)), add.s(4))",
    chain(
      add.s(1, 2),
      chain(group(add.s(3), add.s(4)), total.s())
        .link(hear.s(1))
        .linkError(hear.s(2)),
      add.s(4),
    ),
  ],
  // Groups
  ["group(add.s(1, 2), add.s(3, 4))", group(add.s(1, 2), add.s(3, 4))],
  ["group(add.s(i, i) for i in range(3))", group([0, 1, 2].map((i) => add.s(i, i)))],
  ["group()", group()],
  ["group(group(add.s(1, 2)), add.s(3, 4))", group(group(add.s(1, 2)), add.s(3, 4))],
  ["add.s(1, 2) | group(add.s(3), add.s(4))", add.s(1, 2).pipe(group(add.s(3), add.s(4)))],
  ["linked(group(add.s(1, 2), add.s(3, 4)), hear.s(1))", group(add.s(1, 2), add.s(3, 4)).link(hear.s(1))],
  ["guarded(group(add.s(1, 2), add.s(3, 4)), hear.s(1))", group(add.s(1, 2), add.s(3, 4)).linkError(hear.s(1))],
  [
    "guarded(group(group(add.s(1, 2)), chain(add.s(1, 2), add.s(3))), hear.s(1))",
    group(group(add.s(1, 2)), chain(add.s(1, 2), add.s(3))).linkError(hear.s(1)),
  ],
  // Chords
  ["chord([add.s(1, 2), add.s(3, 4)], total.s())", chord([add.s(1, 2), add.s(3, 4)], total.s())],
  ["chord(group(add.s(1, 2), add.s(3, 4)), total.s())", chord(group(add.s(1, 2), add.s(3, 4)), total.s())],
  ["chord([], total.s())", chord([] as readonly Canvas<number>[], total.s())],
  ["group(add.s(1, 2)) | total.s()", group(add.s(1, 2)).pipe(total.s())],
  ["group(add.s(1, 2)) | total.s() | add.s(5)", group(add.s(1, 2)).pipe(total.s()).pipe(add.s(5))],
  ["group(add.s(1, 2)) | (total.s() | add.s(5))", group(add.s(1, 2)).pipe(chain(total.s(), add.s(5)))],
  [
    "group(add.s(1, 2), add.s(3, 4)) | group(total.s(), total.s())",
    group(add.s(1, 2), add.s(3, 4)).pipe(group(total.s(), total.s())),
  ],
  [
    "chord([add.s(1, 2)], total.s()) | chord([add.s(1), add.s(2)], total.s())",
    chord([add.s(1, 2)], total.s()).pipe(chord([add.s(1), add.s(2)], total.s())),
  ],
  [
    "chain(add.s(1, 2), group(add.s(3), add.s(4)), total.s())",
    chain(add.s(1, 2), group(add.s(3), add.s(4)), total.s()),
  ],
  [
    "chain(add.s(1, 2), group(add.s(3), add.s(4)), total.s(), add.s(5), add.s(6))",
    chain(add.s(1, 2), group(add.s(3), add.s(4)), total.s(), add.s(5), add.s(6)),
  ],
  [
    "chain(add.s(1, 2), chord([add.s(3), add.s(4)], chord([total.s(), total.s()], total.s())))",
    chain(add.s(1, 2), group(add.s(3), add.s(4)), group(total.s(), total.s()), total.s()),
  ],
  [
    "chain(chord([add.s(1, 2)], total.s()), chord([add.s(1), add.s(2)], total.s()), add.s(3))",
    chain(chord([add.s(1, 2)], total.s()), chord([add.s(1), add.s(2)], total.s()), add.s(3)),
  ],
  [
    "chord([chord([add.s(1, 2)], total.s()), chain(add.s(1, 2), add.s(3))], chord([total.s(), total.s()], total.s()))",
    chord([chord([add.s(1, 2)], total.s()), chain(add.s(1, 2), add.s(3))], chord([total.s(), total.s()], total.s())),
  ],
  ["linked(chord([add.s(1, 2)], total.s()), hear.s())", chord([add.s(1, 2)], total.s()).link(hear.s())],
  [
    "linked(chord([add.s(1, 2)], group(total.s(), total.s())), hear.s(1))",
    chord([add.s(1, 2)], group(total.s(), total.s())).link(hear.s(1)),
  ],
  [
    "guarded(chord([add.s(1, 2), add.s(3, 4)], total.s()), hear.s())",
    chord([add.s(1, 2), add.s(3, 4)], total.s()).linkError(hear.s()),
  ],
  [
    "guarded(chord([chord([add.s(1, 2)], total.s()), add.s(3, 4)], total.s()), hear.s())",
    chord([chord([add.s(1, 2)], total.s()), add.s(3, 4)], total.s()).linkError(hear.s()),
  ],
  // A group of one is a group: Celery's chain() takes it for its member.
  ["group(add.s(1, 2)) | total.s() | add.s(3)", chain(group(add.s(1, 2)), total.s(), add.s(3))],
  ["chain(add.s(1, 2), chord([add.s(3)], total.s()))", chain(add.s(1, 2), group(add.s(3)), total.s())],
  ["group([]) | total.s()", chain(group([] as readonly Canvas<number>[]), total.s())],
  // Maps
  [
    "add.starmap([[1, 2], [3, 4]])",
    add.starmap([
      [1, 2],
      [3, 4],
    ]),
  ],
  ["xstarmap(add.s(), [[1, 2]])", starmap(add, [[1, 2]])],
  ["total.map([[1], [2, 3]])", total.map([[1], [2, 3]])],
  ["xmap(total.s(), [[1]])", xmap(total, [[1]])],
  [
    "add.chunks([[1, 2], [3, 4], [5, 6]], 2).group()",
    add.chunks(
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
      2,
    ),
  ],
  ["chunks(add.s(), [[1, 2]], 10).group()", chunks(add, [[1, 2]], 10)],
  ["chain(total.map([[1]]), total.s())", chain(total.map([[1]]), total.s())],
  // Stamps
  ["stamped(add.s(1, 2), run=7)", add.s(1, 2).stamp({ run: 7 })],
  ["stamped(stamped(add.s(1, 2), run=7), run=8)", add.s(1, 2).stamp({ run: 7 }).stamp({ run: 8 })],
  [
    "stamped(stamped(add.s(1, 2), run=7), append_stamps=True, run=8)",
    add.s(1, 2).stamp({ run: 7 }).stamp({ run: 8 }, { append: true }),
  ],
  [
    "stamped(stamped(add.s(1, 2), run=[7]), run=[8])",
    add
      .s(1, 2)
      .stamp({ run: [7] })
      .stamp({ run: [8] }),
  ],
  ["stamped(add.s(1, 2), Names())", add.s(1, 2).stamp(names)],
  [
    "stamped(stamped(add.s(1, 2), task='own'), Names(), append_stamps=True)",
    add.s(1, 2).stamp({ task: "own" }).stamp(names, { append: true }),
  ],
  [
    "stamped(guarded(linked(add.s(1, 2), hear.s(1)), hear.s(2)), Names())",
    add.s(1, 2).link(hear.s(1)).linkError(hear.s(2)).stamp(names),
  ],
  [
    "stamped(chain(add.s(1, 2), group(add.s(3), add.s(4))), Names())",
    chain(add.s(1, 2), group(add.s(3), add.s(4))).stamp(names),
  ],
  [
    "stamped(linked(chain(add.s(1, 2), add.s(3)), hear.s(1)), run=7)",
    chain(add.s(1, 2), add.s(3)).link(hear.s(1)).stamp({ run: 7 }),
  ],
  [
    "stamped(group(add.s(3, 4), chain(add.s(1, 2), add.s(3))), Names())",
    group(add.s(3, 4), chain(add.s(1, 2), add.s(3))).stamp(names),
  ],
  [
    "stamped(chord([add.s(1, 2), add.s(3, 4)], total.s()), Names())",
    chord([add.s(1, 2), add.s(3, 4)], total.s()).stamp(names),
  ],
];

/** A chain of one canvas is what that is; Celery writes a frozen or stamped header as a group; a chain without tasks of its own arguments has none. */
function plain(dict: unknown): unknown {
  if (Array.isArray(dict)) return dict.map(plain);
  if (typeof dict !== "object" || dict === null) return dict;
  const { subtask_type: kind, kwargs = {} } = dict as {
    readonly subtask_type?: unknown;
    readonly kwargs?: Readonly<Record<string, unknown>>;
  };
  const { tasks, header } = kwargs as {
    readonly tasks?: readonly unknown[];
    readonly header?: { readonly kwargs?: { readonly tasks?: unknown } };
  };
  if (kind === "chain" && tasks?.length === 1) return plain(tasks[0]);
  const fields = Object.entries(dict).map(([name, value]) => [name, plain(value)] as const);
  const own = Object.fromEntries(fields) as Record<string, unknown>;
  if (kind === "chord" && header?.kwargs?.tasks !== undefined)
    return { ...own, kwargs: { ...(own["kwargs"] as object), header: plain(header.kwargs.tasks) } };
  if (Array.isArray(own["stamped_headers"])) own["stamped_headers"] = [...(own["stamped_headers"] as string[])].sort();
  return own;
}

describe.skipIf(PYTHON === "")("canvases in Celery's JSON form", () => {
  let python: Forms;
  beforeAll(() => {
    python = new Forms();
  });
  afterAll(() => python[Symbol.asyncDispose]());

  it.each(SAME)("%s", async (expression, canvas) => {
    expect(plain(JSON.parse(JSON.stringify(canvas)))).toEqual(plain(await python.form(expression)));
  });

  it.each(SAME)("read by Celery, %s stays what it is", async (_, canvas) => {
    expect(plain(await python.again(canvas.toDict()))).toEqual(plain(JSON.parse(JSON.stringify(canvas))));
  });

  it.each(SAME)("read by us, %s stays what it is", async (expression) => {
    const theirs = await python.form(expression);
    expect(canvasFromDict(theirs).toDict()).toEqual(theirs);
  });

  it("links errbacks of a chord to its header too where the app says so", async () => {
    const ours = chord([addToHeaders.s(1, 2), chain(addToHeaders.s(1, 2), addToHeaders.s(3))], total.s()).linkError(
      hear.s(),
    );
    const theirs = "guarded(chord([add.s(1, 2), chain(add.s(1, 2), add.s(3))], total.s()), hear.s())";
    const form = JSON.stringify(await python.form(theirs, { task_allow_error_cb_on_chord_header: true }));
    // What Celery's link_error sets there is an option that it never reads.
    const read = JSON.parse(
      form.replaceAll('"options": {"immutable": true}', "").replaceAll('{"immutable":true}', "{}"),
    ) as unknown;
    expect(plain(ours.toDict())).toEqual(plain(read));
    await python.form("add.s()", { task_allow_error_cb_on_chord_header: false });
  });
});

function withFirst(canvas: Canvas, argument: unknown): Canvas {
  return canvas.clone({ args: [argument] });
}

class Forms extends PythonProcess {
  constructor() {
    super({ python: PYTHON, args: [join(import.meta.dirname, "python/canvas_forms.py")] });
  }

  async form(expression: string, settings: object = {}): Promise<SignatureDict> {
    return (await this.ask({ do: "form", with: [expression, settings] })) as SignatureDict;
  }

  async again(canvas: SignatureDict): Promise<SignatureDict> {
    return (await this.ask({ do: "again", with: [canvas] })) as SignatureDict;
  }
}
