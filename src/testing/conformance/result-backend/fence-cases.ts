import assert from "node:assert/strict";
import type { ResultBackend } from "../../../backend/result-backend.ts";
import type { TaskMeta } from "../../../backend/task-meta.ts";
import type { Case } from "../cases.ts";
import { Heard, MANY, metaOf, SHORT_MS, type ResultStage } from "./stage.ts";

/** Of two runs of one task, the later one counts: what the other one tells afterwards is refused. */
export const fenceCases: readonly Case<ResultStage>[] = [
  {
    name: "what an earlier run tells late is refused and named, and changes nothing",
    async run(stage) {
      const [backend, other] = [await stage.open(), await stage.open()];
      await other.store([runOf("t", 7, "STARTED")]);
      for (const state of ["STARTED", "RETRY", "FAILURE", "SUCCESS"]) {
        assert.deepEqual(await backend.store([runOf("t", 6, state)]), ["t"]);
      }
      assert.deepEqual(await resultOf(other, "t"), { run: 7, state: "STARTED" });
    },
  },
  {
    name: "one run tells as often as it likes, and a later one after it",
    async run(stage) {
      const backend = await stage.open();
      for (const [fence, state] of [
        [1, "STARTED"],
        [1, "PROGRESS"],
        [1, "RETRY"],
        [1_000_001, "STARTED"],
      ] as const) {
        assert.deepEqual(await backend.store([runOf("t", fence, state)]), []);
        assert.deepEqual(await resultOf(backend, "t"), { run: fence, state });
      }
    },
  },
  {
    name: "a success stands against later runs, which are not refused, and against earlier ones, which are",
    async run(stage) {
      const backend = await stage.open();
      await backend.store([runOf("t", 2, "SUCCESS")]);
      assert.deepEqual(await backend.store([runOf("t", 3, "FAILURE")]), []);
      assert.deepEqual(await backend.store([runOf("t", 1, "FAILURE")]), ["t"]);
      assert.deepEqual(await resultOf(backend, "t"), { run: 2, state: "SUCCESS" });
    },
  },
  {
    name: "what a first run tells is refused like any other's, once a later one has told",
    async run(stage) {
      const backend = await stage.open();
      const first = (state: string): TaskMeta => ({ ...runOf("t", 5, state), isFirstRun: true });
      for (const state of ["STARTED", "PROGRESS"]) assert.deepEqual(await backend.store([first(state)]), []);
      assert.deepEqual(await resultOf(backend, "t"), { run: 5, state: "PROGRESS" });
      assert.deepEqual(await backend.store([runOf("t", 6, "STARTED")]), []);
      for (const state of ["PROGRESS", "FAILURE", "SUCCESS"])
        assert.deepEqual(await backend.store([first(state)]), ["t"]);
      assert.deepEqual(await resultOf(backend, "t"), { run: 6, state: "STARTED" });
    },
  },
  {
    name: "of two first runs, as of a message that was replayed or sent again under its id, the later one counts",
    async run(stage) {
      const backend = await stage.open();
      for (const isFirstRun of [true, false]) {
        const id = `after ${isFirstRun ? "a first run" : "another"}`;
        const earlier: TaskMeta = { ...runOf(id, 5, "STARTED"), isFirstRun };
        assert.deepEqual(await backend.store([earlier]), []);
        assert.deepEqual(await backend.store([{ ...runOf(id, 9, "FAILURE"), isFirstRun: true }]), []);
        assert.deepEqual(await backend.store([{ ...earlier, state: "PROGRESS" }]), [id]);
        assert.deepEqual(await resultOf(backend, id), { run: 9, state: "FAILURE" });
      }
    },
  },
  {
    name: "a meta without a fence is never refused, and leaves the record its fence",
    async run(stage) {
      const backend = await stage.open();
      await backend.store([runOf("t", 5, "STARTED")]);
      assert.deepEqual(await backend.store([metaOf("t", "PROGRESS", "no fence")]), []);
      assert.equal((await backend.fetch(["t"])).get("t")?.result, "no fence");
      assert.deepEqual(await backend.store([runOf("t", 4, "FAILURE")]), ["t"]);
      assert.deepEqual(await backend.store([runOf("t", 5, "FAILURE")]), []);
    },
  },
  {
    name: "of one batch, those that are refused are named and the others stored",
    async run(stage) {
      const backend = await stage.open();
      await backend.store([runOf("a", 2, "STARTED"), runOf("b", 2, "STARTED")]);
      const batch = [
        runOf("a", 1, "FAILURE"),
        runOf("b", 2, "FAILURE"),
        runOf("c", 1, "FAILURE"),
        runOf("b", 1, "RETRY"),
      ];
      assert.deepEqual(await backend.store(batch), ["a", "b"]);
      assert.deepEqual(await resultOf(backend, "a"), { run: 2, state: "STARTED" });
      assert.deepEqual(await resultOf(backend, "b"), { run: 2, state: "FAILURE" });
      assert.deepEqual(await resultOf(backend, "c"), { run: 1, state: "FAILURE" });
    },
  },
  {
    name: "the latest run wins every race",
    async run(stage) {
      const backends = [await stage.open(), await stage.open(), await stage.open()];
      const ids = Array.from({ length: 20 }, (_, index) => `race-${index}`);
      const runs = [3, 1, 5, 2, 4];
      const writes = runs.flatMap((run) =>
        backends.map((backend) => backend.store(ids.map((id) => runOf(id, run, "FAILURE")))),
      );
      await Promise.all(writes);
      for (const id of ids) assert.deepEqual(await resultOf(backends[0], id), { run: 5, state: "FAILURE" });
    },
  },
  {
    name: "a forgotten or expired record has no fence any longer",
    async run(stage) {
      const backend = await stage.open(SHORT_MS);
      await backend.store([runOf("forgotten", 9, "STARTED"), runOf("expired", 9, "STARTED")]);
      await backend.forget(["forgotten"]);
      assert.deepEqual(await backend.store([runOf("forgotten", 1, "STARTED")]), []);
      await stage.eventually(async () => assert.equal((await backend.fetch(["expired"])).size, 0));
      assert.deepEqual(await backend.store([runOf("expired", 1, "STARTED")]), []);
    },
  },
  {
    name: "nobody who watches hears of what was refused",
    async run(stage) {
      const backend = await stage.open();
      await using heard = new Heard(backend);
      await backend.store([runOf("t", 2, "STARTED")]);
      await heard.add(["t", "marker"]);
      await backend.store([runOf("t", 1, "FAILURE")]);
      await backend.store([runOf("marker", 1, "STARTED")]);
      await stage.eventually(() => assert.equal(heard.last("marker")?.state, "STARTED"));
      assert.equal(heard.last("t")?.state, "STARTED");
    },
  },
  {
    name: "thousands are refused at once",
    async run(stage) {
      const backend = await stage.open();
      const ids = Array.from({ length: MANY }, (_, index) => `many-${index}`);
      await backend.store(ids.map((id) => runOf(id, 2, "STARTED")));
      assert.deepEqual(await backend.store(ids.map((id) => runOf(id, 1, "SUCCESS"))), ids);
    },
  },
];

function runOf(taskId: string, fence: number, state: string): TaskMeta {
  return metaOf(taskId, state, fence, { fence });
}

/** The run that the record is of, and what it tells. */
async function resultOf(backend: ResultBackend | undefined, taskId: string): Promise<unknown> {
  const meta = (await backend?.fetch([taskId]))?.get(taskId);
  return { run: meta?.result, state: meta?.state };
}
