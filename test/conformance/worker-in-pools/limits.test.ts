import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TaskRevokedError } from "celeriac";
import type { Worker } from "celeriac/worker";
import { eventually } from "../../support/eventually.ts";
import { errorOf, PATIENCE, PooledBed, POOLED } from "../../support/pooled-bed.ts";

const SOON_MS = 150;
/** Longer than a lease of these workers, which is 2 s. */
const LOOP_MS = 5_000;

describe.each(POOLED)("a worker with %s on %s", (pool, store) => {
  let bed: PooledBed;
  let worker: Worker;
  beforeAll(async () => {
    bed = await PooledBed.open(pool, store);
    worker = await bed.worker();
    const ready = [bed.call("hold", ["warm"]), bed.call("hold", ["warm"])];
    await bed.noted("warm runs", 2); // every place there is
    bed.openGate("warm");
    for (const result of ready) await (await result).get(PATIENCE);
  });
  afterAll(() => bed[Symbol.asyncDispose]());

  const timedOut = { remoteType: "TimeLimitExceeded" };
  const isIdle = (): Promise<void> => eventually(() => expect(worker.busy).toBe(0), PATIENCE);

  const hasSettledAll = (): Promise<void> =>
    eventually(async () => expect(await bed.depth()).toEqual({ ready: 0, delayed: 0, unacked: 0 }), PATIENCE);

  it("tells a task of its soft limit, and takes what it says after cleaning up", async () => {
    expect(await bed.valueOf("cleanUp", ["soft"], { softTimeLimitMs: SOON_MS })).toBe("SoftTimeLimitExceededError");
    expect(bed.count("soft cleaned up")).toBe(1);
  });

  it("ends a promise that never settles at the hard limit, while others go on", async () => {
    const beside = await bed.call("hold", ["beside never"]);
    await bed.noted("beside never runs");
    const never = await bed.call("never", ["never"], { timeLimitMs: 2 * SOON_MS });
    expect(await errorOf(never)).toMatchObject({ ...timedOut, remoteArgs: [(2 * SOON_MS) / 1000] });
    await eventually(() => expect(worker.busy).toBe(1), PATIENCE);
    bed.openGate("beside never");
    expect(await beside.get(PATIENCE)).toBe("beside never");
    await isIdle();
    await hasSettledAll();
  });

  it("ends a task that ignores its signal at the hard limit", async () => {
    const limits = { softTimeLimitMs: SOON_MS, timeLimitMs: 3 * SOON_MS };
    expect(await errorOf(await bed.call("ignoreSignal", ["deaf"], limits))).toMatchObject(timedOut);
    expect(bed.count("deaf was told")).toBeGreaterThanOrEqual(1);
    await isIdle();
  });

  it(
    pool === "inline"
      ? "gives a loop that never yields up once it has yielded"
      : "kills a loop that never yields at the hard limit, while others go on",
    async () => {
      const beside = await bed.call("hold", ["beside loop"]);
      await bed.noted("beside loop runs");
      const ms = pool === "inline" ? 3 * SOON_MS : null;
      expect(await errorOf(await bed.call("spin", ["loop", ms], { timeLimitMs: SOON_MS }))).toMatchObject(timedOut);
      await eventually(() => expect(worker.busy).toBe(1), PATIENCE);
      expect(await bed.valueOf("echo", ["after"])).toBe("after");
      bed.openGate("beside loop");
      expect(await beside.get(PATIENCE)).toBe("beside loop");
      expect([bed.count("loop runs"), bed.count("beside loop runs")]).toEqual([1, 1]);
      await isIdle();
    },
  );

  it("gives back the keys of a call that it has ended", async () => {
    const ended = await bed.call("spinAlone", ["keys", pool === "inline" ? 3 * SOON_MS : null], {
      timeLimitMs: SOON_MS,
    });
    expect(await errorOf(ended)).toMatchObject(timedOut);
    await hasSettledAll();
    bed.openGate("keys");
    const next = await bed.call("spinAlone", ["keys", null]);
    expect(next.id).not.toBe(ended.id);
    expect(await next.get(PATIENCE)).toBe("keys");
  });

  it("ends a run that is terminated, and keeps its slot", async () => {
    const running = await bed.call("cleanUp", ["terminated"]);
    await bed.noted("terminated runs");
    await running.revoke({ terminate: true });
    await bed.noted("terminated cleaned up");
    await isIdle();
    expect(await errorOf(running)).toBeInstanceOf(TaskRevokedError);
    expect(((await running.meta())?.result as { exc_message: unknown }).exc_message).toEqual(["terminated"]);
    await hasSettledAll();
  });

  it.skipIf(pool === "inline")("kills a terminated loop that never yields (inline: nothing can)", async () => {
    const loop = await bed.call("spin", ["terminated loop", null]);
    await bed.noted("terminated loop runs");
    await loop.revoke({ terminate: true });
    await isIdle();
    expect(((await loop.meta())?.result as { exc_message: unknown }).exc_message).toEqual(["terminated"]);
    expect(await bed.valueOf("echo", ["after"])).toBe("after");
    expect(bed.count("terminated loop runs")).toBe(1);
  });
});

describe.each(POOLED)("a loop longer than its lease in %s on %s", (pool, store) => {
  it("runs once, though another worker waits for its message", async () => {
    await using bed = await PooledBed.open(pool, store);
    await using holder = await bed.workerProcess(["-c", "1"]);
    const loop = await bed.call("spin", ["long loop", LOOP_MS]);
    await bed.noted("long loop runs");
    await bed.worker();
    await bed.noted("long loop is done");
    expect(await loop.get(PATIENCE)).toBe("long loop");
    await eventually(async () => expect(await bed.depth()).toEqual({ ready: 0, delayed: 0, unacked: 0 }), PATIENCE);
    expect(bed.count("long loop runs")).toBe(1);
    expect(await holder.stop()).toBe(0);
  });
});
