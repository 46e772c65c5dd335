import assert from "node:assert/strict";
import type { Case } from "../cases.ts";
import { FAILURE, Heard, MANY, metaOf, type ResultStage } from "./stage.ts";

/** Watches: what they hear, and what not. */
export const watchCases: readonly Case<ResultStage>[] = [
  {
    name: "a watch hears what another backend stores, and nothing else",
    async run(stage) {
      const [backend, other] = [await stage.open(), await stage.open()];
      await using watch = new Heard(backend);
      await watch.add(["watched"]);
      await other.store([metaOf("unwatched", "SUCCESS", 1), metaOf("watched", "STARTED", null)]);
      await other.store([metaOf("watched", "SUCCESS", 42)]);
      await stage.eventually(() => assert.deepEqual(watch.last("watched"), metaOf("watched", "SUCCESS", 42)));
      assert.equal(watch.last("unwatched"), undefined);
    },
  },
  {
    name: "a watch hears what its own backend stores",
    async run(stage) {
      const backend = await stage.open();
      await using watch = new Heard(backend);
      await watch.add(["t"]);
      await backend.store([metaOf("t", "SUCCESS", 42)]);
      await stage.eventually(() => assert.equal(watch.last("t")?.result, 42));
    },
  },
  {
    name: "a watch hears of a record that was there before",
    async run(stage) {
      const backend = await stage.open();
      await backend.store([metaOf("t", "FAILURE", FAILURE)]);
      await using watch = new Heard(backend);
      await watch.add(["t"]);
      await stage.eventually(() => assert.equal(watch.last("t")?.state, "FAILURE"));
    },
  },
  {
    name: "a state that could not replace a success is not the last one heard",
    async run(stage) {
      const [backend, other] = [await stage.open(), await stage.open()];
      await using watch = new Heard(backend);
      await watch.add(["t", "after"]);
      await other.store([metaOf("t", "SUCCESS", 1)]);
      await other.store([metaOf("t", "FAILURE", FAILURE), metaOf("after", "SUCCESS", 2)]);
      await stage.eventually(() => assert.equal(watch.last("after")?.state, "SUCCESS"));
      assert.equal(watch.last("t")?.state, "SUCCESS");
    },
  },
  {
    name: "one watch hears of thousands",
    async run(stage) {
      const [backend, other] = [await stage.open(), await stage.open()];
      const ids = Array.from({ length: MANY }, (_, index) => `many-${index}`);
      await using watch = new Heard(backend);
      await watch.add(ids.slice(0, 10));
      await watch.add(ids.slice(10));
      await other.store(ids.map((id) => metaOf(id, "SUCCESS", id)));
      await stage.eventually(() => assert.equal(watch.size, MANY));
      for (const id of ids) assert.equal(watch.last(id)?.result, id);
    },
  },
  {
    name: "a task that was removed from a watch is heard no more, and may be added again",
    async run(stage) {
      const backend = await stage.open();
      await using watch = new Heard(backend);
      await watch.add(["removed", "kept"]);
      watch.remove(["removed", "unknown"]);
      await backend.store([metaOf("removed", "SUCCESS", 1)]);
      await backend.store([metaOf("kept", "SUCCESS", 2)]);
      await stage.eventually(() => assert.equal(watch.last("kept")?.result, 2));
      assert.equal(watch.last("removed"), undefined);
      await watch.add(["removed"]);
      await stage.eventually(() => assert.equal(watch.last("removed")?.result, 1));
    },
  },
  {
    name: "a disposed watch is silent, and the others go on",
    async run(stage) {
      const backend = await stage.open();
      await using first = new Heard(backend);
      await using second = new Heard(backend);
      await first.add(["t"]);
      await second.add(["t"]);
      await first[Symbol.asyncDispose]();
      await backend.store([metaOf("t", "SUCCESS", 1)]);
      await stage.eventually(() => assert.equal(second.last("t")?.result, 1));
      assert.equal(first.last("t"), undefined);
    },
  },
];
