import { AssertionError } from "node:assert";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Celeriac, Ignore, Reject } from "celeriac";
import { openTestApp, type TestApp } from "celeriac/testing";
import { deferred } from "../../../src/util/deferred.ts";

const newApp = () => new Celeriac({}, { env: {} });
const HOUR_MS = 3_600_000;

const statesOf = (runs: Awaited<ReturnType<TestApp["drain"]>>) => runs.map(({ task, state }) => `${task} ${state}`);

describe("draining", () => {
  it("runs what is due in the order in which it was sent, and what that sends", async () => {
    const app = newApp();
    const leaf = app.task("leaf", (n: number) => n);
    const branch = app.task("branch", async (n: number) => {
      await leaf.delay(n);
    });
    await using test = openTestApp(app);
    await app.sendBatch([branch.s(1), leaf.s(2), branch.s(3)]);
    const runs = await test.drain();
    expect(statesOf(runs)).toEqual([
      "branch SUCCESS",
      "leaf SUCCESS",
      "branch SUCCESS",
      "leaf SUCCESS",
      "leaf SUCCESS",
    ]);
    expect(runs.map(({ detail }) => detail)).toEqual(["null", "2", "null", "1", "3"]);
    expect(await test.drain()).toEqual([]);
  });

  it("waits for bodies that take real time, and for those that were acknowledged before they ran", async () => {
    const app = newApp();
    const slow = app.task("slow", async () => {
      await sleep(20);
    });
    const early = app.task("early", { acksLate: false }, async () => {
      await slow.delay();
    });
    await using test = openTestApp(app);
    await slow.delay();
    await early.delay();
    expect(statesOf(await test.drain())).toEqual(["slow SUCCESS", "early SUCCESS", "slow SUCCESS"]);
  });

  it("leaves what is scheduled until its time has come", async () => {
    const app = newApp();
    const remind = app.task("remind", () => app.clock.now());
    await using test = openTestApp(app);
    const start = app.clock.now();
    const result = await remind.applyAsync({ countdownMs: HOUR_MS });
    expect(await test.drain()).toEqual([]);
    await test.advance("59m");
    expect(await test.drain()).toEqual([]);
    await test.advance(60_000);
    expect(statesOf(await test.drain())).toEqual(["remind SUCCESS"]);
    expect(await result.get()).toBe(start + HOUR_MS);
  });

  it("moves on to each eta and retry when it is to run what is scheduled too", async () => {
    const app = newApp();
    const times: number[] = [];
    const start = Date.parse("2026-01-01T00:00:00Z");
    const flaky = app.task("flaky", { autoretryFor: [Error], retryDelayMs: 10_000, maxRetries: 2 }, () => {
      times.push(app.clock.now() - start);
      throw new Error("still down");
    });
    await using test = openTestApp(app);
    const year = 365 * 24 * HOUR_MS;
    await flaky.applyAsync({ countdownMs: year });
    expect(statesOf(await test.drain({ withScheduled: true, mayFail: true }))).toEqual([
      "flaky RETRY",
      "flaky RETRY",
      "flaky FAILURE",
    ]);
    expect(times).toEqual([year, year + 10_000, year + 20_000]);
  });

  it("ends what has expired as REVOKED", async () => {
    const app = newApp();
    const offer = app.task("offer", () => "yours");
    await using test = openTestApp(app);
    const result = await offer.applyAsync({ expires: HOUR_MS });
    await test.advance("1h");
    expect(statesOf(await test.drain())).toEqual(["offer REVOKED"]);
    await expect(result.get()).rejects.toThrow("expired");
  });

  it("tells how each run ended", async () => {
    const app = newApp();
    const shy = app.task("shy", () => {
      throw new Ignore();
    });
    const picky = app.task("picky", () => {
      throw new Reject("not mine");
    });
    const fussy = app.task("fussy", { bind: true }, (ctx) => {
      if (!ctx.delivery.redelivered) throw new Reject("not now", { requeue: true });
    });
    const revoked = app.task("revoked", () => "never");
    await using test = openTestApp(app);
    await app.sendBatch([shy.s(), picky.s(), fussy.s()]);
    const { id } = await revoked.delay();
    await app.revoke([id]);
    await app.sendTask("elsewhere");
    await app.sendTask("elsewhere");
    expect(statesOf(await test.drain({ mayFail: true }))).toEqual([
      "shy IGNORED",
      "picky DEAD-LETTERED",
      "fussy REJECTED",
      "fussy SUCCESS",
      "revoked REVOKED",
      "elsewhere PARKED",
      "elsewhere PARKED",
    ]);
  });

  it("leaves other queues alone when told which to take", async () => {
    const app = newApp();
    const here = app.task("here", () => null);
    await using test = openTestApp(app);
    await here.delay();
    await app.sendTask("there", { queue: "python" });
    expect(statesOf(await test.drain({ queues: ["celery"] }))).toEqual(["here SUCCESS"]);
    expect(await (await app.broker()).inspect("python")).toMatchObject({ ready: 1 });
  });

  it("rejects for tasks that fail, also for those that keep no result, and says which and why", async () => {
    const app = newApp();
    const fine = app.task("fine", () => null);
    const fail = app.task("fail", { ignoreResult: true }, () => {
      throw new RangeError("too far");
    });
    await using test = openTestApp(app);
    await fine.delay();
    const { id } = await fail.delay();
    const error: unknown = await test.drain().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(AssertionError);
    const [summary, failure, place] = (error as AssertionError).message.split("\n");
    expect(summary).toBe("1 of 2 runs failed. If that is meant to be, say drain({ mayFail: true }).");
    expect(failure).toBe(`fail[${id}] ended FAILURE: RangeError: too far`);
    expect(place).toContain("drain.test.ts");
  });

  it("stops tasks that go on without end, with and without a delay, and names them", async () => {
    const app = newApp();
    const poll = app.task("poll", { bind: true, maxRetries: null }, (ctx) => {
      throw ctx.retry({ delayMs: 1_000 });
    });
    const again = app.task("again", async (): Promise<void> => {
      await app.sendTask("again");
    });
    {
      await using test = openTestApp(app);
      await poll.delay();
      await expect(test.drain({ withScheduled: true, maxRuns: 20 })).rejects.toThrow("Most runs were of poll.");
    }
    await using test = openTestApp(app);
    await again.delay();
    await expect(test.drain({ maxRuns: 20 })).rejects.toThrow(
      "more than 20 deliveries, and there was still more to do. Most runs were of again.",
    );
  });

  it("does not wait for ever for a task that never ends, and names it", async () => {
    const app = newApp();
    const stuck = app.task("stuck", () => new Promise(() => undefined));
    await using test = openTestApp(app);
    const { id } = await stuck.delay();
    await expect(test.drain({ patienceMs: 50 })).rejects.toThrow(`waited 50 ms for stuck[${id}]`);
  });

  it("ends a run at its time limit when the test lets the time pass meanwhile", async () => {
    const app = newApp();
    const started = deferred();
    const stuck = app.task("stuck", { timeLimitMs: 60_000 }, () => {
      started.resolve();
      return new Promise(() => undefined);
    });
    await using test = openTestApp(app);
    await stuck.delay();
    const draining = test.drain({ mayFail: true });
    await started.promise;
    await test.advance("1m");
    expect(statesOf(await draining)).toEqual(["stuck FAILURE"]);
  });

  it("refuses a duration that is none", async () => {
    await using test = openTestApp(newApp());
    for (const duration of ["soon", -1, Number.NaN, Infinity]) {
      expect(() => test.advance(duration)).toThrow(RangeError);
    }
  });
});
