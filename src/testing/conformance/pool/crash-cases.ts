import { Ending } from "../../../util/ending.ts";
import assert from "node:assert/strict";
import type { Pool, PoolOutcome } from "../../../pool/pool.ts";
import type { Case } from "../cases.ts";
import { start, type PoolStage } from "./stage.ts";

/** What a task can do to the place where it runs. */
export const crashCases: readonly Case<PoolStage>[] = [
  {
    name: "an unhandled rejection does not end the task that left it, nor its place",
    async run(stage) {
      const pool = await stage.open({ size: 1 });
      const place = await stage.valueOf(pool, { task: "place" });
      assert.equal(await stage.valueOf(pool, { task: "leaveAlone", args: ["left alone"] }), "done");
      assert.equal(await stage.valueOf(pool, { task: "place" }), place);
      await stage.eventually(() => {
        const line = stage.logged.find(({ fields }) => fields["error"] === "left alone");
        assert.equal(line?.message, "unhandled rejection, probably of a task");
      });
    },
  },
  {
    name: "an uncaught exception loses the task, and says what it was",
    async run(stage) {
      const { reason } = await crash(stage, "throwUncaught", "nobody catches me");
      assert.equal(reason.code, "uncaught-exception");
      assert.match(reason.detail, /nobody catches me/);
    },
  },
  {
    name: "process.exit loses the task, and the exit code is known",
    async run(stage) {
      const { reason, cause } = await crash(stage, "exit", 3);
      assert.equal(reason.code, "exited");
      assert.match(reason.detail, /exit code 3/);
      assert.match(cause.message, /exit code 3/);
    },
  },
  {
    name: "process.abort loses the task, and the signal is known",
    async run(stage) {
      const { reason } = await crash(stage, "abort");
      assert.equal(reason.code, "exited");
      assert.match(reason.detail, /SIGABRT/);
    },
  },
  {
    name: "SIGKILL loses the task, and the signal is known",
    async run(stage) {
      const { reason } = await crash(stage, "kill", "SIGKILL");
      assert.match(reason.detail, /SIGKILL/);
    },
  },
  {
    name: "out of memory loses the task, and says so",
    async run(stage) {
      const { reason } = await crash(stage, "fillMemory");
      assert.equal(reason.code, "out-of-memory");
      assert.match(reason.detail, /out of memory/);
    },
  },
  {
    name: "a job whose place dies before it begins is not blamed, and runs in another place",
    async run(stage) {
      const pool = await stage.open({ size: 1 });
      await stage.warm(pool);
      assert.equal(await stage.valueOf(pool, { task: "dieAfter" }), "answered");
      assert.equal(await stage.valueOf(pool, { task: "ping" }), "pong");
    },
  },
  {
    name: "signals that stop a worker do not stop a task",
    async run(stage) {
      const pool = await stage.open({ size: 1 });
      for (const signal of ["SIGTERM", "SIGINT", "SIGQUIT"]) {
        assert.equal(await stage.valueOf(pool, { task: "kill", args: [stage.file(), signal] }), "alive");
      }
    },
  },
];

/** Runs once a task that ends its place, beside another one that must not notice, and then one that needs a new place. */
async function crash(
  stage: PoolStage,
  task: string,
  ...args: readonly unknown[]
): Promise<Extract<PoolOutcome, { kind: "lost" }>> {
  const pool = await stage.open();
  const beside = await runBeside(stage, pool);
  const runs = stage.file();
  const outcome = await stage.run(pool, { task, args: [runs, ...args] });
  assert.ok(outcome.kind === "lost", JSON.stringify(outcome));
  assert.equal(stage.textOf(runs), ".");
  assert.ok(outcome.cause instanceof Error);
  await beside();
  const values = await Promise.all([1, 2, 3].map(() => stage.valueOf(pool, { task: "ping" })));
  assert.deepEqual(values, ["pong", "pong", "pong"]);
  return outcome;
}

/** A task in another slot. The function that is returned ends it, and checks that it was left alone. */
async function runBeside(stage: PoolStage, pool: Pool): Promise<() => Promise<void>> {
  const beats = stage.file();
  const stop = new Ending();
  const running = start(pool, { task: "beat", args: [beats] }, { ending: stop });
  const beatsOn = async (): Promise<void> => {
    const before = stage.textOf(beats).length;
    await stage.eventually(() => assert.ok(stage.textOf(beats).length > before));
  };
  await beatsOn();
  return async () => {
    await beatsOn();
    stop.end();
    assert.deepEqual(await running, { kind: "aborted" });
  };
}
