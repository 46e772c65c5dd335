import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Celeriac, RateLimitOptions } from "celeriac";
import { eventually } from "../support/eventually.ts";
import { openTestBed, RESULT_BEDS, type TestBed } from "../support/test-apps.ts";

const NODE = "celeriac@here";
const WAIT = { timeoutMs: 20_000 };

describe.each(RESULT_BEDS)("rate limits on %s", (bedName) => {
  let bed: TestBed;
  beforeEach(async () => {
    bed = await openTestBed(bedName);
  });
  afterEach(() => bed[Symbol.asyncDispose]());

  const depth = async (app: Celeriac) => (await app.broker()).inspect("celery");

  /** A task whose runs note when they were, and which worker of the bed had them. */
  function define(app: Celeriac, rateLimit: RateLimitOptions, runs: number[] = []) {
    const task = app.task("limited", { rateLimit, ignoreResult: true }, () => void runs.push(performance.now()));
    return { task, runs };
  }

  const send = async (app: Celeriac, task: ReturnType<typeof define>["task"], count: number): Promise<void> => {
    await app.sendBatch(
      Array.from({ length: count }, () => task.s()),
      { publishTimeoutMs: 10_000 },
    );
  };

  /** Times of starts are no sooner after the first than the limit lets them be. */
  function expectWithin(intervalMs: number, runs: readonly number[]): void {
    const [first = 0] = runs;
    for (const [index, at] of runs.entries()) expect(at - first).toBeGreaterThan((index - 1) * intervalMs);
  }

  it("hold while 200 wait, which keep no others from running and hold no place", async () => {
    const app = bed.app();
    const { task, runs } = define(app, { limit: "10/s" });
    const other = app.task("other", (value: number) => value);
    await send(app, task, 200);
    await bed.worker(app, { concurrency: 2 });
    for (let value = 0; value < 5; value += 1) expect(await (await other.delay(value)).get(WAIT)).toBe(value);
    expect(runs.length).toBeLessThan(150);
    await eventually(() => expect(runs.length).toBeGreaterThan(15));
    expectWithin(100, runs);
    // Those with a turn in the next second are held; all others wait with the broker.
    const { delayed = 0 } = (await depth(app)) ?? {};
    expect(delayed).toBeGreaterThan(200 - runs.length - 20);
  });

  it("let all run in the end, and lose nothing when a worker stops or dies in between", async () => {
    const [app, other] = [bed.app(), bed.app()];
    const runs: number[] = [];
    const { task } = define(app, { limit: "50/s" }, runs);
    define(other, { limit: "50/s" }, runs);
    await send(app, task, 60);
    const first = await bed.worker(app);
    await eventually(() => expect(runs.length).toBeGreaterThan(5));
    await first.stop({ graceMs: 0 });
    const { ready = 0, delayed = 0, unacked = 0 } = (await depth(app)) ?? {};
    expect(ready + delayed + unacked).toBe(60 - runs.length);
    await bed.worker(other);
    await eventually(() => expect(runs).toHaveLength(60));
    await eventually(async () => expect(await depth(app)).toMatchObject({ ready: 0, delayed: 0, unacked: 0 }));
  });

  it("hold over all workers together where they are the cluster's", async () => {
    const runs: number[] = [];
    const apps = Array.from({ length: 4 }, () => bed.app());
    const tasks = apps.map((app) => define(app, { limit: "10/s", scope: "cluster" }, runs).task);
    await send(apps[0] as Celeriac, tasks[0] as (typeof tasks)[number], 100);
    await Promise.all(apps.map((app) => bed.worker(app, { concurrency: 2 })));
    await eventually(() => expect(runs.length).toBeGreaterThan(25));
    expectWithin(100, runs);
  });

  it("spend no turn on what a concurrency key keeps from running", async () => {
    const app = bed.app();
    const runs: number[] = [];
    app.task("limited", { rateLimit: "100/h", concurrency: { key: "k" } }, () => void runs.push(0));
    const keys = await app.keys();
    const claim = JSON.stringify({ taskId: "another", fence: 1, since: 0 });
    await keys?.claim("concurrency:0:k", "another", 3_600_000, claim);
    await bed.worker(app);
    await app.sendTask("limited");
    await eventually(() =>
      expect(bed.log.some(({ message }) => message.startsWith("concurrency key taken"))).toBe(true),
    );
    await keys?.release("concurrency:0:k", "another");
    await eventually(() => expect(runs).toHaveLength(1));
  });

  it("tell that a task was received once, right before it starts", async () => {
    const app = bed.app({ workerSendTaskEvents: true });
    await using events = await bed.app().events();
    const { task } = define(app, { limit: "2/s" });
    await send(app, task, 4);
    await bed.worker(app);
    const told: string[] = [];
    for await (const event of events) {
      if (event.type === "task-received" || event.type === "task-started") told.push(`${event.type} ${event.uuid}`);
      if (told.length === 8) break;
    }
    expect(new Set(told).size).toBe(8);
    for (let index = 0; index < 8; index += 2)
      expect(told[index + 1]).toBe(told[index]?.replace("received", "started"));
  });

  describe("by remote control", () => {
    const answer = (method: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> =>
      eventually(async () => {
        const answers = await bed.app().control.ask(method, args, { destination: [NODE], timeoutMs: 2_000 });
        if (!answers.has(NODE)) throw new Error(`${NODE} does not answer.`);
        return answers.get(NODE);
      });
    const limit = (rate: unknown, task = "limited") => answer("rate_limit", { task_name: task, rate_limit: rate });

    it("change at run time, for what waits too, and `registered` tells the one that holds", async () => {
      const app = bed.app({ taskDefaultRateLimit: "5/m" });
      const runs: number[] = [];
      const task = app.task("limited", () => void runs.push(0));
      app.task("free", { rateLimit: null }, () => null);
      app.stub("elsewhere");
      await bed.worker(app, { hostname: NODE });
      await app.sendBatch([task.s(), task.s(), task.s()]);
      await eventually(async () => expect(await depth(app)).toMatchObject({ delayed: 2, unacked: 0 }));
      expect(await answer("registered")).toEqual(["free", "limited [rate_limit=5/m]"]);
      expect(await limit("600/m")).toEqual({ ok: "new rate limit set successfully" });
      expect(await answer("registered")).toEqual(["free", "limited [rate_limit=600/m]"]);
      await eventually(() => expect(runs).toHaveLength(3));
      expect(await limit(0)).toEqual({ ok: "rate limit disabled successfully" });
      expect(await limit("1/m", "free")).toEqual({ ok: "new rate limit set successfully" });
      expect(await answer("registered")).toEqual(["free [rate_limit=1/m]", "limited [rate_limit=0]"]);
    });

    it("refuse what is no limit, and tasks that the worker does not have", async () => {
      const app = bed.app();
      define(app, { limit: "5/h" });
      app.stub("elsewhere");
      await bed.worker(app, { hostname: NODE });
      expect(await limit("often")).toEqual({
        error: expect.stringMatching(/^Invalid rate limit string: "often"/) as unknown,
      });
      for (const task of ["elsewhere", "nosuch", "__proto__"])
        expect(await limit("1/s", task)).toEqual({ error: "unknown task" });
      for (const args of [{}, { task_name: "limited" }, { task_name: "limited", rate_limit: [] }])
        expect(await answer("rate_limit", args)).toEqual({ error: expect.stringContaining("the argument") as unknown });
      expect(await answer("registered")).toEqual(["limited [rate_limit=5/h]"]);
    });
  });

  it("are none where the worker has none", async () => {
    const app = bed.app({ workerDisableRateLimits: true });
    const { task, runs } = define(app, { limit: "1/h", scope: "cluster" });
    await send(app, task, 20);
    await bed.worker(app);
    await eventually(() => expect(runs).toHaveLength(20));
  });
});
