import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Random } from "../../chaos/random.ts";
import { group, task, type Fate } from "../support/canvas-model/canvas.ts";
import { CanvasShop } from "../support/canvas-model/canvas-shop.ts";
import { isBrokenInCelery } from "../support/canvas-model/celery.ts";
import { generateCanvas, type GenerateOptions } from "../support/canvas-model/generate.ts";
import { DIFFERENCES } from "../support/canvas-model/quirks.ts";
import { fated, SHAPES } from "../support/canvas-model/shapes.ts";
import { NEWEST_CELERY, pythonOf } from "../support/python.ts";
import { HAS_REDIS } from "../support/redis.ts";

/** CELERIAC_TEST_CANVASES of them, from CELERIAC_TEST_CANVAS_SEED on. */
const COUNT = Number(process.env["CELERIAC_TEST_CANVASES"] ?? 100);
const SEED = Number(process.env["CELERIAC_TEST_CANVAS_SEED"] ?? 25);

const FATES: GenerateOptions["fates"] = ["fails", "retried", "expired", "replaced"];
const IN_PYTHON = { sender: "python", side: "python" } as const;

const FATES_IN_SHAPES: Readonly<Record<string, Fate>> = {
  fails: "fails",
  "has expired": "expired",
  "becomes a group": { becomes: group(task("x"), task("y")) },
};

/** The reference model is Celery's definition, as Python's own workers have it: the model is on trial here, not we. */
describe.skipIf(pythonOf(NEWEST_CELERY) === "" || !HAS_REDIS)(
  `the model of canvases, and ${NEWEST_CELERY.name}`,
  () => {
    let shop: CanvasShop;
    beforeAll(async () => {
      shop = await CanvasShop.open(NEWEST_CELERY, ["python"]);
    });
    afterAll(() => shop[Symbol.asyncDispose]());

    it("agree on all shapes", async () => {
      const shapes = Object.values(SHAPES).filter((shape) => !isBrokenInCelery(shape));
      expect(await shop.deviationsOf(shapes, IN_PYTHON)).toEqual([]);
    });

    it.each(Object.entries(FATES_IN_SHAPES))("agree on all shapes where any one of the tasks %s", async (_, fate) => {
      const canvases = Object.values(SHAPES)
        .flatMap((shape) => [...fated(shape, fate).values()])
        .filter((canvas) => !isBrokenInCelery(canvas));
      expect(await shop.deviationsOf(canvases, IN_PYTHON)).toEqual([]);
    });

    it("agree on canvases that are generated", { timeout: 60_000 + COUNT * 1_000 }, async () => {
      const random = new Random(SEED);
      const canvases = Array.from({ length: COUNT }, () => {
        for (;;) {
          const canvas = generateCanvas(random, { fates: FATES });
          if (!isBrokenInCelery(canvas)) return canvas;
        }
      });
      expect(await shop.deviationsOf(canvases, IN_PYTHON), `seed ${String(SEED)}`).toEqual([]);
    });

    it.each(DIFFERENCES.map((difference) => [difference.name, difference] as const))(
      "differ where Celery hangs or contradicts itself: %s",
      async (_, { canvas, celery, runs = {} }) => {
        const [observed] = await shop.observe([canvas], IN_PYTHON);
        const [, came] = observed ?? [];
        const ends = Object.keys(celery).map((name) => [name, came?.ends.get(name) ?? "nothing"]);
        expect(Object.fromEntries(ends)).toEqual(celery);
        for (const [name, times] of Object.entries(runs)) {
          expect(
            came?.runs.filter((run) => run.name === name),
            name,
          ).toHaveLength(times);
        }
      },
    );
  },
);
