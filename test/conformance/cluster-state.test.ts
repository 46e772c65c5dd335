import { setTimeout as sleep } from "node:timers/promises";
import { Reject, type Cluster } from "celeriac";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { openTestBed, TEST_BEDS, type TestBed } from "../support/test-apps.ts";

const WAIT = { timeoutMs: 10_000 };

describe.each(TEST_BEDS)("the state of a cluster on %s", (bedName) => {
  let bed: TestBed;
  beforeEach(async () => {
    bed = await openTestBed(bedName);
  });
  afterEach(async () => {
    await bed[Symbol.asyncDispose]();
  });

  it("tells of a worker and its tasks what they did, and when it is gone", async () => {
    const app = bed.app({ workerSendTaskEvents: true, taskSendSentEvent: true });
    await using cluster: Cluster = await app.cluster();
    const add = app.task("add", (x: number, y: number) => x + y);
    const fail = app.task("fail", () => {
      throw new TypeError("no");
    });
    const reject = app.task("reject", () => {
      throw new Reject("not mine");
    });
    const retry = app.task("retry", { bind: true }, (context) => {
      if (context.retries === 0) throw context.retry({ delayMs: 1 });
      return context.retries;
    });
    const hold = app.task("hold", { bind: true }, (context) => sleep(60_000, undefined, { signal: context.signal }));
    const mother = app.task("mother", async () => (await add.delay(3, 4)).id);
    const worker = await bed.worker(app, { hostname: "w@h", concurrency: 5 });

    const added = await add.delay(1, 2);
    const failed = await fail.delay();
    const rejected = await reject.delay();
    const retried = await retry.delay();
    const held = await hold.delay();
    const called = await mother.delay();
    await Promise.all([added.get(WAIT), retried.get(WAIT), failed.get(WAIT).catch(() => undefined)]);
    const child = await called.get(WAIT);
    await app.result(child).get(WAIT);

    await eventually(() =>
      expect(cluster.taskCounts().byState).toEqual(new Map(Object.entries({ SUCCESS: 4, FAILURE: 2, STARTED: 1 }))),
    );
    expect(cluster.totals).toMatchObject({ received: 8, succeeded: 4, failed: 2, retried: 1, rejected: 1 });
    expect(cluster.task(added.id)).toMatchObject({ name: "add", args: "(1, 2)", result: "3", worker: "w@h" });
    expect(cluster.task(added.id)).toMatchObject({
      routingKey: "celery",
      client: expect.stringMatching(/^gen/) as string,
    });
    expect(cluster.task(failed.id)).toMatchObject({ state: "FAILURE", exception: "TypeError('no')" });
    expect(cluster.task(rejected.id)).toMatchObject({ state: "FAILURE", exception: "Reject('not mine')" });
    expect(cluster.task(retried.id)).toMatchObject({ state: "SUCCESS", retries: 1, result: "1" });
    expect(cluster.task(called.id)?.children).toEqual([child]);
    expect(cluster.task(child)).toMatchObject({ parentId: called.id, rootId: called.id });
    expect(cluster.tasks({ state: "STARTED" }).map(({ uuid }) => uuid)).toEqual([held.id]);
    await eventually(() => expect(cluster.worker("w@h")).toMatchObject({ state: "up", active: 1, processed: 8 }));
    expect(cluster.worker("w@h")).toMatchObject({ pid: process.pid, freq: 2, swIdent: "celeriac", saidGoodbye: false });

    await worker.stop({ graceMs: 0 });
    await eventually(() => expect(cluster.worker("w@h")).toMatchObject({ state: "gone", saidGoodbye: true }));
  });

  it("knows workers that were there before it at once, however seldom they tell of themselves", async () => {
    await bed.worker(bed.app({ workerHeartbeatInterval: 3_600 }), { hostname: "w@h" });
    await using cluster = await bed.app().cluster();
    await eventually(() => expect(cluster.workers()).toMatchObject([{ hostname: "w@h", state: "up", freq: 3_600 }]));
  });

  it("ends, and stays as it was, when it is closed", async () => {
    await using cluster = await bed.app().cluster({ maxTasks: 1 });
    let hasEnded = false;
    void cluster.ended.then(() => (hasEnded = true));
    await sleep(1);
    expect(hasEnded).toBe(false);
    await cluster[Symbol.asyncDispose]();
    expect(hasEnded).toBe(true);
    expect(cluster.tasks()).toEqual([]);
    await expect(bed.app().cluster({ maxTasks: 0 })).rejects.toThrow(
      "maxTasks must be a whole number from 1 on; got 0.",
    );
  });
});
