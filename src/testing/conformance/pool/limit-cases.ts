import { Ending } from "../../../util/ending.ts";
import assert from "node:assert/strict";
import type { Case } from "../cases.ts";
import { listener, type PoolStage } from "./stage.ts";

const SOON_MS = 150;
/** Long enough for whatever might come too late, in milliseconds. */
const A_WHILE_MS = 400;

/** What ends a run before it ends itself. */
export const limitCases: readonly Case<PoolStage>[] = [
  {
    name: "at the soft limit the task's signal aborts, and the task may clean up",
    async run(stage) {
      const { values, onProgress } = listener();
      const value = await stage.valueOf(await stage.open(), { task: "cleanUp" }, { softMs: SOON_MS, onProgress });
      assert.equal(value, "SoftTimeLimitExceededError: The soft time limit of 0.15 s is over.");
      assert.deepEqual(values, ["cleaned up"]);
    },
  },
  {
    name: "a task that ignores its signal runs up to the hard limit",
    async run(stage) {
      const pool = await stage.open();
      const journal = stage.file();
      const outcome = await stage.run(
        pool,
        { task: "goOn", headers: { journal } },
        { softMs: SOON_MS, hardMs: 3 * SOON_MS },
      );
      assert.deepEqual(outcome, { kind: "timed-out", limitMs: 3 * SOON_MS });
      assert.match(stage.textOf(journal), /^told$/m);
    },
  },
  {
    name: "a promise that never settles is over at the hard limit, and its slot is free",
    async run(stage) {
      const pool = await stage.open({ size: 1 });
      const outcome = await stage.run(pool, { task: "never" }, { hardMs: SOON_MS });
      assert.deepEqual(outcome, { kind: "timed-out", limitMs: SOON_MS });
      assert.equal(pool.busy, 0);
      assert.equal(await stage.valueOf(pool, { task: "ping" }), "pong");
    },
  },
  {
    name: "a task is really ended at the hard limit: it does nothing after",
    async run(stage) {
      const beats = stage.file();
      await stage.run(await stage.open(), { task: "beatForEver", args: [beats] }, { hardMs: SOON_MS });
      const written = stage.textOf(beats);
      assert.ok(written.length > 0);
      await stage.clock.sleep(A_WHILE_MS);
      assert.equal(stage.textOf(beats), written);
    },
  },
  {
    name: "a loop that never yields is ended at the hard limit, while other slots go on",
    async run(stage) {
      const pool = await stage.open();
      await stage.warm(pool);
      const spinning = stage.run(pool, { task: "spin" }, { softMs: SOON_MS, hardMs: 1_000 });
      for (let count = 0; count < 10; count++) assert.equal(await stage.valueOf(pool, { task: "ping" }), "pong");
      assert.equal(pool.busy, 1);
      assert.deepEqual(await spinning, { kind: "timed-out", limitMs: 1_000 });
      assert.equal(await stage.valueOf(pool, { task: "ping" }), "pong");
    },
  },
  {
    name: "limits count from the start of the body, not from the start of its place",
    async run(stage) {
      const pool = await stage.open({ size: 2 });
      const runs = [1, 2].map(() => stage.run(pool, { task: "sleep", args: [1] }, { hardMs: A_WHILE_MS }));
      for (const outcome of await Promise.all(runs)) assert.equal(outcome.kind, "returned");
    },
  },
  {
    name: "a run that is over before it begins does not begin",
    async run(stage) {
      const beats = stage.file();
      const ending = new Ending();
      ending.end();
      const outcome = await stage.run(await stage.open(), { task: "beat", args: [beats] }, { ending });
      assert.deepEqual(outcome, { kind: "aborted" });
      assert.equal(stage.textOf(beats), "");
    },
  },
  {
    name: "a running task that is given up is told, and may clean up",
    async run(stage) {
      const pool = await stage.open({ size: 1 });
      const [journal, given] = [stage.file(), new Ending()];
      const call = { task: "cleanUp", headers: { journal } };
      const running = stage.run(pool, call, { ending: given });
      await stage.clock.sleep(SOON_MS);
      given.end();
      assert.deepEqual(await running, { kind: "aborted" });
      await stage.eventually(() => assert.equal(stage.textOf(journal), "rolled back\n"));
    },
  },
  {
    name: "a running task that is given up and does not stop is over within moments, and its slot is free",
    async run(stage) {
      const pool = await stage.open({ size: 1 });
      const given = new Ending();
      const running = stage.run(pool, { task: "never" }, { ending: given });
      await stage.clock.sleep(SOON_MS);
      given.end();
      assert.deepEqual(await running, { kind: "aborted" });
      assert.equal(await stage.valueOf(pool, { task: "ping" }), "pong");
    },
  },
  {
    name: "a loop that never yields is over within moments when it is given up",
    async run(stage) {
      const pool = await stage.open({ size: 1 });
      const given = new Ending();
      const running = stage.run(pool, { task: "spin" }, { ending: given });
      await stage.clock.sleep(SOON_MS);
      given.end();
      assert.deepEqual(await running, { kind: "aborted" });
      assert.equal(await stage.valueOf(pool, { task: "ping" }), "pong");
    },
  },
  {
    name: "a run that was given up reports nothing more",
    async run(stage) {
      const { values, onProgress } = listener();
      const given = new Ending();
      const running = stage.run(await stage.open(), { task: "cleanUp" }, { ending: given, onProgress });
      await stage.clock.sleep(SOON_MS);
      given.end();
      await running;
      await stage.clock.sleep(SOON_MS);
      assert.deepEqual(values, []);
    },
  },
  {
    name: "what has begun to commit is not given up, and its own outcome counts",
    async run(stage) {
      const journal = stage.file("-slow");
      const given = new Ending();
      const pool = await stage.open();
      const running = stage.run(pool, { task: "commit", headers: { journal } }, { hardMs: A_WHILE_MS, ending: given });
      await stage.eventually(() => assert.equal(stage.textOf(journal), "commit begins\n"));
      given.end();
      assert.equal((await running).kind, "returned");
      assert.equal(stage.textOf(journal), "commit begins\ncommitted\n");
    },
  },
];
