import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Random } from "../../chaos/random.ts";
import { chain, chord, mapSteps, task, type Canvas, type Fate, type Side } from "../support/canvas-model/canvas.ts";
import { CanvasShop } from "../support/canvas-model/canvas-shop.ts";
import { isBrokenInCelery } from "../support/canvas-model/celery.ts";
import { generateCanvas } from "../support/canvas-model/generate.ts";
import { fated, SHAPES } from "../support/canvas-model/shapes.ts";
import { NEWEST_CELERY, pythonOf } from "../support/python.ts";
import { HAS_REDIS } from "../support/redis.ts";

/** CELERIAC_TEST_CANVASES of them from each side, from CELERIAC_TEST_CANVAS_SEED on. */
const COUNT = Number(process.env["CELERIAC_TEST_CANVASES"] ?? 40);
const SEED = Number(process.env["CELERIAC_TEST_CANVAS_SEED"] ?? 7);

const SIDES: readonly Side[] = ["python", "typescript"];

const FATES: Readonly<Record<string, Fate>> = {
  "does well": "well",
  fails: "fails",
  "is retried": "retried",
  "has expired": "expired",
  "becomes a chain": { becomes: chain(task("x"), task("y")) },
  "becomes a chord": { becomes: chord([task("x"), task("y")], task("z")) },
};

/** Its tasks by turns of either half, the first of that one. */
function alternating(canvas: Canvas, first: Side): Canvas {
  const [own, other] = first === "python" ? SIDES : SIDES.toReversed();
  let count = 0;
  return mapSteps(canvas, (step) => {
    const side = count++ % 2 === 0 ? own : other;
    return side === undefined ? step : { ...step, side };
  });
}

/** What Celery breaks off without us, with or without a failure, is not asked of a fleet of which it is half. */
describe.skipIf(pythonOf(NEWEST_CELERY) === "" || !HAS_REDIS)("canvases of Python's tasks and ours", () => {
  let shop: CanvasShop;
  beforeAll(async () => {
    shop = await CanvasShop.open(NEWEST_CELERY, ["python", "typescript"]);
  });
  afterAll(() => shop[Symbol.asyncDispose]());

  describe.each(SIDES)("sent from %s", (sender) => {
    describe.each(SIDES)("in turns, %s first", (first) => {
      it.each(Object.entries(FATES))("do what Celery defines where one of the tasks %s", async (_, fate) => {
        const canvases = Object.values(SHAPES)
          .flatMap((shape) => (fate === "well" ? [shape] : [...fated(shape, fate).values()]))
          .filter((canvas) => !isBrokenInCelery(canvas))
          .map((canvas) => alternating(canvas, first));
        expect(await shop.deviationsOf(canvases, { sender, side: first })).toEqual([]);
      });

      it("do so where nobody but that half runs them", async () => {
        const canvases = Object.values(SHAPES).filter((canvas) => !isBrokenInCelery(canvas));
        expect(await shop.deviationsOf(canvases, { sender, side: first })).toEqual([]);
      });
    });

    it("do so where they are generated", { timeout: 60_000 + COUNT * 1_000 }, async () => {
      const random = new Random(SEED);
      const canvases = Array.from({ length: COUNT }, () => {
        for (;;) {
          const canvas = generateCanvas(random, { fates: ["fails", "retried", "expired", "replaced"], sides: SIDES });
          if (!isBrokenInCelery(canvas)) return canvas;
        }
      });
      expect(await shop.deviationsOf(canvases, { sender, side: "typescript" }), `seed ${String(SEED)}`).toEqual([]);
    });
  });
});
