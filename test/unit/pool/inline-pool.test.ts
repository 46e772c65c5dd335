import { Ending } from "../../../src/util/ending.ts";
import { describe, expect, it } from "vitest";
import { NO_FOLLOW_UPS } from "../../../src/message/task-request.ts";
import { EncodedJson } from "../../../src/message/json.ts";
import { encodeTask } from "../../../src/message/protocol-v2.ts";
import { InlinePool } from "../../../src/pool/inline-pool.ts";
import type { PoolJob, PoolOutcome, RunOptions } from "../../../src/pool/pool.ts";
import type { RunHooks, RunTask } from "../../../src/pool/run-hooks.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { systemClock } from "../../../src/util/clock.ts";
import { deferred } from "../../../src/util/deferred.ts";
import { taskRequest } from "../../support/task-request.ts";

const REQUEST = taskRequest({ followUps: NO_FOLLOW_UPS });
const JOB: PoolJob = {
  message: encodeTask(REQUEST),
  request: REQUEST,
  delivery: { queue: "q", priority: null, redelivered: false, deliveries: 1, fence: 1 },
};
const DONE: PoolOutcome = { kind: "returned", value: new EncodedJson("1"), children: [] };

/** A run has an ending of its own. */
function unlimited(options: Partial<RunOptions> = {}): RunOptions {
  return { ending: new Ending(), softMs: null, hardMs: null, onProgress: () => undefined, ...options };
}

function poolThat(runTask: RunTask, clock = new FakeClock()) {
  const softLimitError = (limitMs: number): Error => new Error(`soft ${String(limitMs)}`);
  return { pool: new InlinePool({ size: 2, runTask, clock, softLimitError }), clock };
}

describe("the inline pool", () => {
  it("gives the outcome of the run, and counts what runs", async () => {
    const gate = deferred();
    const { pool } = poolThat(async () => {
      await gate.promise;
      return DONE;
    });
    const running = pool.run(JOB, unlimited());
    expect(pool.busy).toBe(1);
    gate.resolve();
    expect(await running).toBe(DONE);
    expect(pool.busy).toBe(0);
  });

  it("fails a run that could not be run at all", async () => {
    const { pool } = poolThat(() => Promise.reject(new Error("no such task")));
    expect(await pool.run(JOB, unlimited())).toMatchObject({
      kind: "threw",
      failure: { exc_message: ["no such task"] },
    });
  });

  it("aborts the run's signal at the soft limit, also for who looks later", async () => {
    const { pool, clock } = poolThat(async (_job, run) => {
      await clock.sleep(20);
      return run.signal.aborted && !run.isGivenUp ? DONE : { kind: "ignored" };
    });
    const running = pool.run(JOB, unlimited({ softMs: 10 }));
    await clock.advance(20);
    expect(await running).toBe(DONE);
  });

  it("gives a run up at the hard limit, and tells it", async () => {
    let run: RunHooks | undefined;
    const { pool, clock } = poolThat((_job, hooks) => {
      run = hooks;
      return new Promise<never>(() => undefined);
    });
    const running = pool.run(JOB, unlimited({ hardMs: 10 }));
    await clock.advance(10);
    expect(await running).toEqual({ kind: "timed-out", limitMs: 10 });
    expect(run).toMatchObject({ isGivenUp: true, signal: { aborted: true } });
    expect(pool.busy).toBe(0);
  });

  it("gives a run up when its signal aborts, before or after the start", async () => {
    const { pool } = poolThat(() => new Promise<never>(() => undefined));
    const later = new Ending();
    const running = pool.run(JOB, unlimited({ ending: later }));
    later.end();
    expect(await running).toEqual({ kind: "aborted" });
  });

  it("does not start a run that is over before it begins", async () => {
    let started = 0;
    const { pool } = poolThat(() => {
      started += 1;
      return Promise.resolve(DONE);
    });
    const over = new Ending();
    over.end();
    expect(await pool.run(JOB, unlimited({ ending: over }))).toEqual({ kind: "aborted" });
    expect(started).toBe(0);
  });

  it("cannot look at a hard limit while a body holds up the event loop: one that then returns has returned", async () => {
    const clock = systemClock;
    const holdUp = (): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    const softLimitError = (): Error => new Error("soft");
    const poolOf = (runTask: RunTask): InlinePool => new InlinePool({ size: 1, runTask, clock, softLimitError });
    const returning = poolOf(() =>
      Promise.resolve()
        .then(holdUp)
        .then(() => DONE),
    );
    expect(await returning.run(JOB, unlimited({ hardMs: 5 }))).toBe(DONE);
    const waiting = poolOf(() =>
      Promise.resolve()
        .then(holdUp)
        .then(() => new Promise<never>(() => undefined)),
    );
    expect(await waiting.run(JOB, unlimited({ hardMs: 5 }))).toEqual({ kind: "timed-out", limitMs: 5 });
  });

  it("gives a commit ten seconds once its run is to be over, and then loses it", async () => {
    const { pool, clock } = poolThat(async (_job, run) => {
      expect(await run.beginCommit()).toBe(true);
      return new Promise<never>(() => undefined);
    });
    const running = pool.run(JOB, unlimited({ hardMs: 100 }));
    await clock.advance(10_099);
    expect(pool.busy).toBe(1);
    await clock.advance(1);
    expect(await running).toMatchObject({ kind: "lost", reason: { code: "stuck-commit" } });
    expect(pool.busy).toBe(0);
  });

  it("hears no progress of a run that was given up", async () => {
    const gate = deferred();
    const heard: EncodedJson[] = [];
    const { pool, clock } = poolThat(async (_job, run) => {
      run.onProgress(new EncodedJson("1"));
      await gate.promise;
      run.onProgress(new EncodedJson("2"));
      return DONE;
    });
    const running = pool.run(JOB, unlimited({ hardMs: 10, onProgress: (value) => heard.push(value) }));
    await clock.advance(10);
    await running;
    gate.resolve();
    await clock.advance(0);
    expect(heard.map(({ text }) => text)).toEqual(["1"]);
  });

  it("does not give up a run that has begun to commit, and lets none begin that was given up", async () => {
    const gate = deferred();
    let late: RunHooks | undefined;
    const { pool, clock } = poolThat(async (_job, run) => {
      late = run;
      expect(run.beginCommit()).toBe(true);
      await gate.promise;
      return DONE;
    });
    const running = pool.run(JOB, unlimited({ hardMs: 10 }));
    await clock.advance(20);
    gate.resolve();
    expect(await running).toBe(DONE);

    const { pool: other, clock: otherClock } = poolThat((_job, run) => {
      late = run;
      return new Promise<never>(() => undefined);
    });
    const givenUp = other.run(JOB, unlimited({ hardMs: 10 }));
    await otherClock.advance(10);
    await givenUp;
    expect(late?.beginCommit()).toBe(false);
  });

  it("says once that it is worn out, after so many tasks", async () => {
    let wornOut = 0;
    const pool = new InlinePool({
      size: 1,
      runTask: () => Promise.resolve(DONE),
      clock: new FakeClock(),
      softLimitError: () => new Error(),
      maxTasks: 2,
      onWornOut: () => (wornOut += 1),
    });
    await pool.run(JOB, unlimited());
    expect(wornOut).toBe(0);
    for (let count = 0; count < 3; count++) await pool.run(JOB, unlimited());
    expect(wornOut).toBe(1);
  });

  it("says that it is worn out once its process has so much memory after a task", async () => {
    let wornOut = 0;
    const poolWithin = (maxMemoryBytes: number): InlinePool =>
      new InlinePool({
        size: 1,
        runTask: () => Promise.resolve(DONE),
        clock: new FakeClock(),
        softLimitError: () => new Error(),
        maxMemoryBytes,
        onWornOut: () => (wornOut += 1),
      });
    await poolWithin(Number.MAX_SAFE_INTEGER).run(JOB, unlimited());
    expect(wornOut).toBe(0);
    await poolWithin(1).run(JOB, unlimited());
    expect(wornOut).toBe(1);
  });

  it("leaves no timer behind a run that ended in time", async () => {
    const { pool, clock } = poolThat(() => Promise.resolve(DONE));
    const before = clock.sleeping;
    await pool.run(JOB, unlimited({ softMs: 10_000, hardMs: 20_000 }));
    await clock.advance(0);
    expect(clock.sleeping).toBe(before);
  });
});
