import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chain, chord, group, task, type Canvas, type Fate } from "../support/canvas-model/canvas.ts";
import { Canvases } from "../support/canvas-model/canvases.ts";
import { DIFFERENCES } from "../support/canvas-model/quirks.ts";
import { fated, REPLACEMENTS, SHAPES } from "../support/canvas-model/shapes.ts";
import { openTestBed, RESULT_BEDS, type TestBed } from "../support/test-apps.ts";

/** What becomes of one task, in every place of every shape. */
const FATES: readonly Fate[] = [
  ...(["fails", "retried", "revoked", "expired", "redelivered"] as const),
  ...Object.values(REPLACEMENTS).map((becomes) => ({ becomes })),
];

const adding = (name: string): Canvas => task(name, { fate: { adds: task(`${name}+`) } });

const ADDING: Readonly<Record<string, Canvas>> = {
  "the only member": chord([adding("a")], task("b")),
  "one of several": chord([task("a"), adding("b"), task("c")], task("d")),
  "each of several": chord([adding("a"), adding("b")], task("c")),
  "the last step of a member": chord([chain(task("a"), adding("b")), task("c")], task("d")),
  "a member of a chord within a header": chord([chord([adding("a")], task("b")), task("c")], task("d")),
  "the body of a chord within a header": chord([chord([task("a")], adding("b")), task("c")], task("d")),
  "a member of a group in a chain": chain(group(adding("a"), task("b")), task("c")),
  "one whose added member fails": chord(
    [task("a", { fate: { adds: task("a+", { fate: "fails" }) } }), task("b")],
    task("c"),
  ),
};

describe.each(RESULT_BEDS)("canvases on %s", (bedName) => {
  let bed: TestBed;
  let canvases: Canvases;
  beforeAll(async () => {
    bed = await openTestBed(bedName);
    canvases = new Canvases(bed.app());
    await bed.worker(canvases.app, { concurrency: 8 });
  });
  afterAll(() => bed[Symbol.asyncDispose]());

  it.each(Object.entries(SHAPES))(
    "end as Celery defines, whatever becomes of any of their tasks: %s",
    async (_, shape) => {
      const others = Object.values(FATES).flatMap((fate) => [...fated(shape, fate).values()]);
      expect(await canvases.deviationsOf([shape, ...others])).toEqual([]);
    },
  );

  it.each(Object.entries(ADDING))("take a member that is added by %s", async (_, canvas) => {
    expect(await canvases.deviationsOf([canvas])).toEqual([]);
  });

  it.each(DIFFERENCES.map(({ name, canvas }) => [name, canvas] as const))(
    "end where Celery's do not, or otherwise: %s",
    async (_, canvas) => {
      expect(await canvases.deviationsOf([canvas])).toEqual([]);
    },
  );
});
