import { expect, it } from "vitest";
import { Random } from "../../chaos/random.ts";
import { Canvases } from "../support/canvas-model/canvases.ts";
import { generateCanvas, type GenerateOptions } from "../support/canvas-model/generate.ts";
import { openTestBed, RESULT_BEDS } from "../support/test-apps.ts";

/** CELERIAC_TEST_CANVASES of them for each backend, from CELERIAC_TEST_CANVAS_SEED on. */
const COUNT = Number(process.env["CELERIAC_TEST_CANVASES"] ?? 60);
const SEED = Number(process.env["CELERIAC_TEST_CANVAS_SEED"] ?? 11);

/** So many at once. */
const BATCH = 20;

const FATES: GenerateOptions["fates"] = ["fails", "retried", "revoked", "expired", "redelivered", "replaced"];

it.each(RESULT_BEDS)(
  "canvases that are generated do what the model says, on %s",
  { timeout: 30_000 + COUNT * 500 },
  async (bedName) => {
    await using bed = await openTestBed(bedName);
    const canvases = new Canvases(bed.app());
    await bed.worker(canvases.app, { concurrency: 8 });
    const random = new Random(SEED);
    for (let done = 0; done < COUNT; done += BATCH) {
      const batch = Array.from({ length: Math.min(BATCH, COUNT - done) }, () =>
        generateCanvas(random, { fates: FATES }),
      );
      expect(await canvases.deviationsOf(batch), `seed ${String(SEED)}`).toEqual([]);
    }
  },
);
