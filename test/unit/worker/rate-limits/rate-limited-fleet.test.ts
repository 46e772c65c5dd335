import { afterEach, describe, expect, it } from "vitest";
import { Celeriac, type RateLimitOptions } from "celeriac";
import { memory } from "celeriac/memory";
import { Worker } from "celeriac/worker";
import { FakeClock } from "../../../../src/testing/fake-clock.ts";

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

interface Run {
  readonly worker: number;
  readonly number: number;
  /** In milliseconds since the workers were started. */
  readonly at: number;
}

/** Workers on one queue, on a clock that the test moves, and a backlog of one task. */
async function fleet(workers: number, rateLimit: RateLimitOptions, backlog: number) {
  const clock = new FakeClock();
  const adapter = memory();
  const runs: Run[] = [];
  const start = clock.now();
  const apps = Array.from({ length: workers }, (_, worker) => {
    const app = new Celeriac({ broker: adapter, workerHeartbeatInterval: null }, { env: {}, clock });
    opened.push(app);
    const task = app.task("limited", { rateLimit }, (number: number) => {
      runs.push({ worker, number, at: clock.now() - start });
    });
    return { app, task };
  });
  const { app, task } = apps[0] as (typeof apps)[number];
  await app.sendBatch(Array.from({ length: backlog }, (_, number) => task.s(number)));
  for (const [index, each] of apps.entries()) {
    const worker = new Worker(each.app, { concurrency: 2, hostname: `w${String(index)}@h` });
    opened.push({ [Symbol.asyncDispose]: () => worker.stop({ graceMs: 0 }) });
    await worker.start();
  }
  return { app, clock, runs };
}

describe("workers with a rate limit and a backlog", { timeout: 60_000 }, () => {
  it.each([
    [2, 120],
    ["20/m", 50],
    ["100/h", 20],
  ])("one of %s runs no more and hardly less, evenly, the first first", async (limit, backlog) => {
    const { clock, runs } = await fleet(1, { limit }, backlog);
    const intervalMs = { 2: 500, "20/m": 3_000, "100/h": 36_000 }[limit] as number;
    const turns = Math.floor(backlog * 0.75);
    await clock.advance((turns - 1) * intervalMs);
    expect(runs.length).toBeLessThanOrEqual(turns);
    expect(runs.length).toBeGreaterThanOrEqual(0.95 * turns);
    for (const [index, { at }] of runs.entries())
      expect(at - (runs[index - 1]?.at ?? -Infinity)).toBeGreaterThanOrEqual(0.9 * intervalMs);
    const outOfPlace = runs.map(({ number }, index) => Math.abs(number - index));
    // Now and then one goes behind the others.
    expect(outOfPlace.reduce((sum, places) => sum + places, 0) / runs.length).toBeLessThan(5);
  });

  it("keep no other task from running while as many as run at once wait for a turn that is near", async () => {
    const { app, clock, runs } = await fleet(1, { limit: 2 }, 3);
    let others = 0;
    const other = app.task("other", () => (others += 1));
    await clock.advance(1);
    expect(await (await app.broker()).inspect("celery")).toMatchObject({ delayed: 0, unacked: 2 });
    await other.delay();
    await clock.advance(1);
    expect({ others, limited: runs.length }).toEqual({ others: 1, limited: 1 });
    await clock.advance(1_000);
    expect(runs.map(({ at }) => at)).toEqual([0, 500, 1_000]);
  });

  it("three of 20/m run no more and hardly less each", async () => {
    const { clock, runs } = await fleet(3, { limit: "20/m" }, 200);
    await clock.advance(120_000);
    for (const worker of [0, 1, 2]) {
      const count = runs.filter((run) => run.worker === worker).length;
      expect(count).toBeLessThanOrEqual(41);
      expect(count).toBeGreaterThanOrEqual(0.85 * 40);
    }
  });

  it("eight that share 20/m run twenty a minute together", async () => {
    const { clock, runs } = await fleet(8, { limit: "20/m", scope: "cluster" }, 100);
    await clock.advance(119_999);
    for (let minute = 0; minute < 2; minute += 1) {
      const count = runs.filter(({ at }) => Math.floor(at / 60_000) === minute).length;
      expect(count).toBeGreaterThanOrEqual(19);
      expect(count).toBeLessThanOrEqual(21);
    }
  });
});
