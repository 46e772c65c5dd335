import { describe, expect, it } from "vitest";
import { NO_FOLLOW_UPS } from "../../../src/message/task-request.ts";
import { EncodedJson } from "../../../src/message/json.ts";
import { InlinePool, type RunHooks, type RunTask } from "../../../src/pool/inline-pool.ts";
import type { PoolJob, PoolOutcome, RunOptions } from "../../../src/pool/pool.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { deferred } from "../../../src/util/deferred.ts";
import { taskRequest } from "../../support/task-request.ts";

const JOB: PoolJob = {
  request: taskRequest({ followUps: NO_FOLLOW_UPS }),
  delivery: { queue: "q", priority: null, redelivered: false, deliveries: 1, fence: 1 },
};
const DONE: PoolOutcome = { kind: "returned", value: new EncodedJson("1"), children: [] };
const UNLIMITED: RunOptions = { softMs: null, hardMs: null, onProgress: () => undefined };

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
    const running = pool.run(JOB, UNLIMITED);
    expect(pool.busy).toBe(1);
    gate.resolve();
    expect(await running).toBe(DONE);
    expect(pool.busy).toBe(0);
  });

  it("calls a run lost that could not be run at all", async () => {
    const { pool } = poolThat(() => Promise.reject(new Error("no such task")));
    expect(await pool.run(JOB, UNLIMITED)).toMatchObject({ kind: "lost", cause: { message: "no such task" } });
  });

  it("aborts the run's signal at the soft limit, also for who looks later", async () => {
    const { pool, clock } = poolThat(async (_job, run) => {
      await clock.sleep(20);
      return run.signal.aborted && !run.isGivenUp ? DONE : { kind: "ignored" };
    });
    const running = pool.run(JOB, { ...UNLIMITED, softMs: 10 });
    await clock.advance(20);
    expect(await running).toBe(DONE);
  });

  it("gives a run up at the hard limit, and tells it", async () => {
    let run: RunHooks | undefined;
    const { pool, clock } = poolThat((_job, hooks) => {
      run = hooks;
      return new Promise<never>(() => undefined);
    });
    const running = pool.run(JOB, { ...UNLIMITED, hardMs: 10 });
    await clock.advance(10);
    expect(await running).toEqual({ kind: "timed-out", limitMs: 10 });
    expect(run).toMatchObject({ isGivenUp: true, signal: { aborted: true } });
    expect(pool.busy).toBe(0);
  });

  it("gives a run up when its signal aborts, before or after the start", async () => {
    const { pool } = poolThat(() => new Promise<never>(() => undefined));
    const later = new AbortController();
    const running = pool.run(JOB, { ...UNLIMITED, signal: later.signal });
    later.abort();
    expect(await running).toEqual({ kind: "aborted" });
    expect(await pool.run(JOB, { ...UNLIMITED, signal: AbortSignal.abort() })).toEqual({ kind: "aborted" });
  });

  it("leaves no timer behind a run that ended in time", async () => {
    const { pool, clock } = poolThat(() => Promise.resolve(DONE));
    const before = clock.sleeping;
    await pool.run(JOB, { ...UNLIMITED, softMs: 10_000, hardMs: 20_000 });
    await clock.advance(0);
    expect(clock.sleeping).toBe(before);
  });
});
