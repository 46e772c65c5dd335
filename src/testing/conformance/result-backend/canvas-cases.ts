import assert from "node:assert/strict";
import type { Case } from "../cases.ts";
import { MANY, SHORT_MS, type ResultStage } from "./stage.ts";

const DAY_MS = 86_400_000;

/** What is kept of canvases. */
export const canvasCases: readonly Case<ResultStage>[] = [
  {
    name: "a canvas that was saved is loaded in parts by another backend, in their order",
    async run(stage) {
      const parts = ["0", '"ünïcode 🥕\\u0000"', '{"a": [1]}', "3", ""];
      await (await stage.open()).canvases.save({ id: "c", parts, lifeMs: DAY_MS });
      const { canvases } = await stage.open();
      assert.deepEqual(await canvases.load("c", 0, 5), parts);
      assert.deepEqual(await canvases.load("c", 1, 2), [parts[1]]);
      assert.deepEqual(await canvases.load("c", 3, 5), parts.slice(3));
      assert.deepEqual(await canvases.load("c", 2, 2), []);
    },
  },
  {
    name: "a canvas of many parts is saved whole, and again",
    async run(stage) {
      const { canvases } = await stage.open();
      const parts = Array.from({ length: MANY }, (_, index) => `[${String(index)}]`);
      await canvases.save({ id: "c", parts, lifeMs: DAY_MS });
      await canvases.save({ id: "c", parts, lifeMs: DAY_MS });
      assert.deepEqual(await canvases.load("c", 0, MANY), parts);
      assert.deepEqual(await canvases.load("c", MANY - 1, MANY), parts.slice(-1));
    },
  },
  {
    name: "a canvas that is unknown is absent",
    async run(stage) {
      const { canvases } = await stage.open();
      await canvases.save({ id: "c", parts: ["1"], lifeMs: DAY_MS });
      assert.equal(await canvases.load("other", 0, 1), undefined);
    },
  },
  {
    name: "a canvas expires after its own life, however long results are kept",
    async run(stage) {
      const { canvases } = await stage.open();
      await canvases.save({ id: "short", parts: ["1"], lifeMs: SHORT_MS });
      await (await stage.open(SHORT_MS)).canvases.save({ id: "long", parts: ["2"], lifeMs: DAY_MS });
      await stage.pass(2 * SHORT_MS);
      assert.equal(await canvases.load("short", 0, 1), undefined);
      assert.deepEqual(await canvases.load("long", 0, 1), ["2"]);
    },
  },
  {
    name: "a canvas lives on when a part of it is loaded",
    async run(stage) {
      const { canvases } = await stage.open();
      await canvases.save({ id: "c", parts: ["1", "2"], lifeMs: SHORT_MS });
      for (let look = 0; look < 4; look += 1) {
        await stage.pass(SHORT_MS / 2);
        assert.deepEqual(await canvases.load("c", 1, 2), ["2"]);
      }
    },
  },
];
