import assert from "node:assert/strict";
import type { ResultBackend } from "../../../backend/result-backend.ts";
import { ResultBackendUnavailableError } from "../../../backend/errors.ts";
import type { Case } from "../cases.ts";
import { FAILURE, MANY, metaOf, SHORT_MS, stateOf, type ResultStage } from "./stage.ts";

const EXTENDED = {
  name: "tasks.add",
  args: [1, 2],
  kwargs: { z: 3 },
  worker: "w1@host",
  retries: 2,
  queue: "celery",
};

/** Records as they come and go: stored, replaced, expired, forgotten. */
export const recordCases: readonly Case<ResultStage>[] = [
  {
    name: "every state is fetched as it was stored",
    async run(stage) {
      const backend = await stage.open();
      const metas = [
        metaOf("pending", "PENDING", null),
        metaOf("received", "RECEIVED", null),
        metaOf("started", "STARTED", { pid: 7, hostname: "w1@host" }),
        metaOf("progress", "PROGRESS", { percent: 10 }),
        metaOf("success", "SUCCESS", [1, "two", { three: null }], {
          children: [[["child", "success"], null]],
          parentId: "p",
          groupId: "g",
        }),
        metaOf("failure", "FAILURE", FAILURE, { traceback: "Traceback:\n  line 1" }),
        metaOf("retry", "RETRY", FAILURE, { traceback: "Traceback" }),
        metaOf("revoked", "REVOKED", {
          exc_type: "TaskRevokedError",
          exc_message: ["revoked"],
          exc_module: "celery.exceptions",
        }),
        metaOf("extended", "SUCCESS", 3, { extended: EXTENDED }),
      ];
      await backend.store(metas);
      const found = await backend.fetch(metas.map(({ taskId }) => taskId));
      for (const meta of metas) assert.deepEqual(found.get(meta.taskId), meta);
    },
  },
  {
    name: "a task that is not known is absent",
    async run(stage) {
      const backend = await stage.open();
      await backend.store([metaOf("known", "SUCCESS", 1)]);
      assert.deepEqual([...(await backend.fetch(["unknown", "known", "known"])).keys()], ["known"]);
    },
  },
  {
    name: "nothing at all can be stored, fetched and forgotten",
    async run(stage) {
      const backend = await stage.open();
      await backend.store([]);
      await backend.forget([]);
      assert.equal((await backend.fetch([])).size, 0);
    },
  },
  {
    name: "a later state replaces an earlier one",
    async run(stage) {
      const backend = await stage.open();
      for (const state of ["STARTED", "RETRY", "STARTED", "FAILURE"]) await backend.store([metaOf("t", state, state)]);
      assert.equal(await stateOf(backend, "t"), "FAILURE");
    },
  },
  {
    name: "a failed task may succeed in a later run",
    async run(stage) {
      const backend = await stage.open();
      for (const state of ["FAILURE", "STARTED", "SUCCESS"]) await backend.store([metaOf("t", state, state)]);
      assert.equal(await stateOf(backend, "t"), "SUCCESS");
    },
  },
  {
    name: "a success is never replaced",
    async run(stage) {
      const [backend, other] = [await stage.open(), await stage.open()];
      await backend.store([metaOf("t", "SUCCESS", "the first")]);
      for (const state of ["PENDING", "STARTED", "RETRY", "FAILURE", "REVOKED", "PROGRESS", "SUCCESS"]) {
        await backend.store([metaOf("t", state, "later")]);
        await other.store([metaOf("t", state, "later")]);
      }
      assert.deepEqual((await other.fetch(["t"])).get("t"), metaOf("t", "SUCCESS", "the first"));
    },
  },
  {
    name: "a success is not replaced within one batch either",
    async run(stage) {
      const backend = await stage.open();
      const batch = ["STARTED", "SUCCESS", "FAILURE", "RETRY"].map((state) => metaOf("t", state, state));
      await backend.store([...batch, metaOf("other", "STARTED", null)]);
      assert.equal(await stateOf(backend, "t"), "SUCCESS");
      assert.equal(await stateOf(backend, "other"), "STARTED");
    },
  },
  {
    name: "of several states of one task in a batch the last one counts",
    async run(stage) {
      const backend = await stage.open();
      await backend.store(["STARTED", "RETRY", "FAILURE"].map((state) => metaOf("t", state, state)));
      assert.equal(await stateOf(backend, "t"), "FAILURE");
    },
  },
  {
    name: "a success wins every race",
    async run(stage) {
      const backends = [await stage.open(), await stage.open(), await stage.open()];
      const ids = Array.from({ length: 20 }, (_, index) => `race-${index}`);
      const states = ["FAILURE", "STARTED", "SUCCESS", "REVOKED", "RETRY"];
      const writes = states.flatMap((state) =>
        backends.map((backend) => backend.store(ids.map((id) => metaOf(id, state, state)))),
      );
      await Promise.all(writes);
      const found = await (backends[0] as ResultBackend).fetch(ids);
      for (const id of ids) assert.equal(found.get(id)?.state, "SUCCESS");
    },
  },
  {
    name: "a record expires, a success too, and may then be written anew",
    async run(stage) {
      const backend = await stage.open(SHORT_MS);
      await backend.store([metaOf("s", "SUCCESS", 1), metaOf("f", "FAILURE", FAILURE)]);
      assert.equal((await backend.fetch(["s", "f"])).size, 2);
      await stage.eventually(async () => assert.equal((await backend.fetch(["s", "f"])).size, 0));
      await backend.store([metaOf("s", "STARTED", null)]);
      assert.equal(await stateOf(backend, "s"), "STARTED");
    },
  },
  {
    name: "a record that is written again lives on from then",
    async run(stage) {
      const backend = await stage.open(SHORT_MS);
      await backend.store([metaOf("renewed", "STARTED", null), metaOf("marker", "STARTED", null)]);
      await stage.eventually(async () => {
        await backend.store([metaOf("renewed", "STARTED", null)]);
        assert.equal((await backend.fetch(["marker"])).size, 0);
      });
      assert.equal(await stateOf(backend, "renewed"), "STARTED");
    },
  },
  {
    name: "what is to be kept for longer than any clock can tell is kept",
    async run(stage) {
      const backend = await stage.open(Number.MAX_VALUE);
      await backend.store([metaOf("t", "SUCCESS", 1)]);
      await backend.groups.save({ id: "g", parent: null, members: [] });
      await backend.chords.begin([{ chordId: "c", size: 1, deadline: null }]);
      const join = await backend.chords.join({ chordId: "c", taskId: "t", index: 0 }, { state: "SUCCESS", result: 1 });
      assert.equal(await stateOf(backend, "t"), "SUCCESS");
      assert.equal((await backend.groups.restore("g"))?.id, "g");
      assert.equal(join.kind, "complete");
    },
  },
  {
    name: "a forgotten task is absent, and may be written anew",
    async run(stage) {
      const backend = await stage.open();
      await backend.store([metaOf("t", "SUCCESS", 1), metaOf("kept", "SUCCESS", 1)]);
      await backend.forget(["t", "t", "unknown"]);
      assert.deepEqual([...(await backend.fetch(["t", "kept"])).keys()], ["kept"]);
      await backend.store([metaOf("t", "STARTED", null)]);
      assert.equal(await stateOf(backend, "t"), "STARTED");
    },
  },
  {
    name: "thousands are stored, fetched and forgotten at once",
    async run(stage) {
      const backend = await stage.open();
      const metas = Array.from({ length: MANY }, (_, index) => metaOf(`many-${index}`, "SUCCESS", index));
      const ids = metas.map(({ taskId }) => taskId);
      await backend.store(metas);
      const found = await backend.fetch(ids);
      assert.equal(found.size, MANY);
      assert.equal(found.get(`many-${MANY - 1}`)?.result, MANY - 1);
      await backend.forget(ids);
      assert.equal((await backend.fetch(ids)).size, 0);
    },
  },
  {
    name: "what one backend stored, another one fetches, also when the first has gone",
    async run(stage) {
      const backend = await stage.open();
      await backend.store([metaOf("t", "SUCCESS", 1)]);
      await backend[Symbol.asyncDispose]();
      assert.equal(await stateOf(await stage.open(), "t"), "SUCCESS");
    },
  },
  {
    name: "opening and disposing twice is fine, and a disposed backend says that it is not available",
    async run(stage) {
      const backend = await stage.open();
      await backend.open();
      await backend[Symbol.asyncDispose]();
      await backend[Symbol.asyncDispose]();
      const refuses = (error: unknown): boolean => error instanceof ResultBackendUnavailableError;
      await assert.rejects(backend.store([metaOf("t", "SUCCESS", 1)]), refuses);
      await assert.rejects(backend.fetch(["t"]), refuses);
    },
  },
];
