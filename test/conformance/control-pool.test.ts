import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Celeriac, TaskContext } from "celeriac";
import type { Worker, WorkerOptions } from "celeriac/worker";
import type { TaskRequest } from "../../src/message/task-request.ts";
import { encodeTask } from "../../src/message/protocol-v2.ts";
import { deferred } from "../../src/util/deferred.ts";
import { timeOrderedUuid } from "../../src/util/time-ordered-uuid.ts";
import { eventually } from "../support/eventually.ts";
import { PATIENCE, PooledBed } from "../support/pooled-bed.ts";
import { taskRequest } from "../support/task-request.ts";
import { openTestBed, TEST_BEDS, type TestBed } from "../support/test-apps.ts";

const NODE = "celeriac@here";
const WAIT = { timeoutMs: 10_000 };

/** The answer of the one worker, asked again while it does not hear yet. */
function answerOf(asker: Celeriac, method: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
  return eventually(async () => {
    const answers = await asker.control.ask(method, args, { destination: [NODE], timeoutMs: 2_000 });
    if (!answers.has(NODE)) throw new Error(`${NODE} does not answer.`);
    return answers.get(NODE);
  });
}

function errorWith(text: string): unknown {
  return { error: expect.stringContaining(text) as unknown };
}

describe.each(TEST_BEDS)("what a worker on %s is told of its limits and its size", (bedName) => {
  let bed: TestBed;
  /** Of another process. */
  let asker: Celeriac;
  beforeEach(async () => {
    bed = await openTestBed(bedName);
    asker = bed.app();
  });
  afterEach(() => bed[Symbol.asyncDispose]());

  const answer = (method: string, args?: Readonly<Record<string, unknown>>) => answerOf(asker, method, args);
  const startWorker = (app: Celeriac, options: WorkerOptions = {}): Promise<Worker> =>
    bed.worker(app, { hostname: NODE, concurrency: 4, ...options });

  /** Sends a call with stamps, as a stamped canvas of Python's does, and gives its result. */
  const sendStamped = async (task: string, stamps: TaskRequest["stamps"]) => {
    const id = timeOrderedUuid(Date.now());
    const message = encodeTask(taskRequest({ id, rootId: id, task, stamps }));
    await (await asker.broker()).publish([{ message, route: { exchange: "", routingKey: "celery" } }]);
    return asker.result(id);
  };

  const OK = { ok: "time limits set successfully" };

  it("changes the time limits of a task from its next run on, and lifts them", async () => {
    const app = bed.app();
    app.task("wait", { bind: true, timeLimitMs: 60_000 }, ({ signal }: TaskContext) => {
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
    });
    app.task("echo", () => "done");
    await startWorker(app);
    expect(await answer("time_limit", { task_name: "wait", soft: 0.05, hard: 20 })).toEqual(OK);
    const warned = await asker.sendTask("wait");
    await expect(warned.get(WAIT)).rejects.toThrow("SoftTimeLimitExceeded");
    expect(await answer("registered", { taskinfoitems: ["time_limit", "soft_time_limit"] })).toEqual([
      "echo",
      "wait [time_limit=20 soft_time_limit=0.05]",
    ]);
    expect(await answer("time_limit", { task_name: "wait", soft: null, hard: 0.05 })).toEqual(OK);
    const ended = await asker.sendTask("wait");
    await expect(ended.get(WAIT)).rejects.toThrow(/time.*limit/i);
    expect(await answer("time_limit", { task_name: "wait" })).toEqual(OK);
    expect(await answer("registered", { taskinfoitems: ["time_limit"] })).toEqual(["echo", "wait"]);
    expect(app.tasks.get("wait")?.options.timeLimitMs).toBe(60_000);
  });

  it("leaves a call the limit that is in its message, and other workers of the app theirs", async () => {
    const app = bed.app();
    app.task("nap", () => new Promise((resolve) => setTimeout(() => resolve("slept"), 300)));
    await startWorker(app, { queues: ["celery"] });
    await bed.worker(app, { hostname: "other@here", queues: ["other"] });
    expect(await answer("time_limit", { task_name: "nap", hard: 0.01 })).toEqual(OK);
    const [limited, own, elsewhere] = [
      await asker.sendTask("nap"),
      await asker.sendTask("nap", { timeLimitMs: 30_000 }),
      await asker.sendTask("nap", { queue: "other" }),
    ];
    await expect(limited.get(WAIT)).rejects.toThrow(/time.*limit/i);
    expect(await own.get(WAIT)).toBe("slept");
    expect(await elsewhere.get(WAIT)).toBe("slept");
  });

  it.each([
    [{ hard: 1 }, '"task_name" is missing'],
    [{ task_name: "wait", hard: "1" }, '"hard"'],
    [{ task_name: "wait", soft: -1 }, '"soft"'],
    [{ task_name: "wait", soft: 3, hard: 2 }, '"soft" is more than "hard"'],
    [{ task_name: "nosuch", soft: 3 }, "unknown task"],
    [{ task_name: "elsewhere", soft: 3 }, "unknown task"],
  ])("refuses the time limits %o", async (args, error) => {
    const app = bed.app();
    app.task("wait", () => null);
    app.stub("elsewhere");
    await startWorker(app);
    expect(await answer("time_limit", args)).toEqual(errorWith(error));
  });

  it("runs as many at once as there is work for, and tells how it scales", async () => {
    const app = bed.app();
    const gate = deferred<undefined>();
    const wait = app.task("wait", () => gate.promise);
    const worker = await startWorker(app, { autoscale: { max: 5, min: 2 } });
    expect(worker.concurrency).toBe(2);
    const results = await Promise.all(Array.from({ length: 8 }, () => wait.delay()));
    await eventually(async () => expect(await answer("active")).toHaveLength(5));
    expect(await answer("stats")).toMatchObject({
      autoscaler: { max: 5, min: 2, current: 5, qty: 5 },
      pool: { "max-concurrency": 5 },
      prefetch_count: 5,
    });
    expect(await answer("autoscale", { max: 3, min: 1 })).toEqual({ ok: "autoscale now max=3 min=1" });
    expect(worker).toMatchObject({ concurrency: 3, busy: 5, autoscale: { max: 3, min: 1 } });
    expect(await answer("autoscale", { max: 6 })).toEqual({ ok: "autoscale now max=6 min=1" });
    await eventually(async () => expect(await answer("active")).toHaveLength(6));
    gate.resolve(undefined);
    for (const result of results) await result.get(WAIT);
  });

  it("refuses what autoscaling does not go with, and what is no range", async () => {
    const worker = await startWorker(bed.app(), { autoscale: { max: 5, min: 2 } });
    for (const command of ["pool_grow", "pool_shrink"])
      expect(await answer(command)).toEqual({
        error: `${command} is not supported with autoscale. Adjust autoscale range instead.`,
      });
    expect(await answer("autoscale", { max: 1 })).toEqual(errorWith('"min" must be no more than "max"'));
    expect(await answer("autoscale", { max: "many" })).toEqual(errorWith('"max"'));
    expect(await answer("autoscale")).toEqual({ ok: "autoscale now max=5 min=2" });
    expect(worker).toMatchObject({ concurrency: 2, autoscale: { max: 5, min: 2 } });
  });

  it("has no autoscaling, and no pool to restart, unless it was started so", async () => {
    await startWorker(bed.app());
    expect(await answer("autoscale", { max: 3, min: 1 })).toEqual(errorWith("Autoscale not enabled"));
    expect(await answer("stats")).not.toHaveProperty("autoscaler");
    expect(await answer("pool_restart")).toEqual(errorWith("Pool restarts not enabled"));
  });

  it("says that an inline pool cannot be restarted", async () => {
    await startWorker(bed.app({ workerPoolRestarts: true }));
    expect(await answer("pool_restart", { reload: false })).toEqual(errorWith("the pool is inline"));
    expect(await answer("conf")).toMatchObject({ worker_pool_restarts: true });
  });

  it("keeps what has a revoked stamp from starting, and nothing else", async () => {
    const app = bed.app();
    app.task("late", () => "ran");
    await startWorker(app);
    expect(await answer("revoke_by_stamped_headers", { headers: { run: "a", tenant: ["x", "y"] } })).toEqual({
      ok: "headers {'run': 'a', 'tenant': ['x', 'y']} flagged as revoked, but not terminated",
    });
    for (const stamps of [{ run: ["b", "a"] }, { run: "a" }, { other: 1, tenant: "y" }]) {
      const revoked = await sendStamped("late", stamps);
      await expect(revoked.get(WAIT), JSON.stringify(stamps)).rejects.toMatchObject({ name: "TaskRevokedError" });
      expect(await revoked.state()).toBe("REVOKED");
    }
    for (const stamps of [{ run: "b" }, { tenant: "a" }, { run: null }, { run: [{ a: 1 }] }, {}]) {
      expect(await (await sendStamped("late", stamps)).get(WAIT), JSON.stringify(stamps)).toBe("ran");
    }
  });

  it("ends what runs with a revoked stamp where it is told to terminate", async () => {
    const app = bed.app();
    app.task("wait", { bind: true }, ({ signal }: TaskContext) => {
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
    });
    await startWorker(app);
    const [one, other] = [await sendStamped("wait", { run: ["a"] }), await sendStamped("wait", { run: ["b"] })];
    await eventually(async () => expect(await answer("active")).toHaveLength(2));
    const nobody = { headers: { run: "c" }, terminate: true };
    expect(await answer("revoke_by_stamped_headers", nobody)).toEqual({
      ok: "headers {'run': 'c'} were not terminated",
    });
    expect(await answer("revoke_by_stamped_headers", { headers: ["run=a"], terminate: 1, signal: "SIGTERM" })).toEqual({
      ok: "headers defaultdict(<class 'set'>, {'run': {'a'}}) revoked",
    });
    await expect(one.get(WAIT)).rejects.toMatchObject({ name: "TaskRevokedError" });
    expect(await other.state()).not.toBe("REVOKED");
    expect(await answer("active")).toMatchObject([{ id: other.id }]);
  });

  it.each([
    [{}, '"headers" names no stamp'],
    [{ headers: {} }, '"headers" names no stamp'],
    [{ headers: ["run"] }, '"run", which is not name=value'],
    [{ headers: [1] }, '"headers"'],
    [{ headers: 1 }, '"headers"'],
    [{ headers: { run: { a: 1 } } }, '"run"'],
    [{ headers: { run: "a" }, terminate: "later" }, '"terminate"'],
  ])("refuses the stamps %o", async (args, error) => {
    await startWorker(bed.app());
    expect(await answer("revoke_by_stamped_headers", args)).toEqual(errorWith(error));
  });

  it("remembers stamps that an app revokes, also for a worker that comes later, and ends what runs", async () => {
    const tasks = (app: Celeriac): Celeriac => {
      app.task("late", () => "ran");
      app.task("wait", { bind: true }, ({ signal }: TaskContext) => {
        return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
      });
      return app;
    };
    const worker = await startWorker(tasks(bed.app()));
    const waits = await sendStamped("wait", { run: ["a", "b"] });
    await eventually(async () => expect(await answer("active")).toHaveLength(1));
    await asker.revokeByStampedHeaders({ run: ["a"] }, { terminate: true });
    await expect(waits.get(WAIT)).rejects.toMatchObject({ name: "TaskRevokedError" });
    await asker.revokeByStampedHeaders({ number: 7 });
    await worker.stop();
    await bed.worker(tasks(bed.app()));
    for (const stamps of [{ run: "a" }, { number: 7 }]) {
      const late = await sendStamped("late", stamps);
      await expect(late.get(WAIT)).rejects.toMatchObject({ name: "TaskRevokedError" });
    }
    expect(await (await sendStamped("late", { run: "b" })).get(WAIT)).toBe("ran");
    await expect(asker.revokeByStampedHeaders({})).rejects.toThrow("names no stamp");
  });

  it("samples its memory, and tells what was sampled", async () => {
    await startWorker(bed.app());
    const sample = (await answer("memsample")) as string;
    expect(sample).toMatch(/^\d+(\.\d+)?MB$/);
    expect(parseFloat(sample) * 2 ** 20).toBeGreaterThan(process.memoryUsage.rss() / 2);
    const last = (await answer("memsample")) as string;
    const dump = (await answer("memdump", { samples: 10 })) as string;
    expect(dump).toMatch(/^- rss \(sample\):\n(- {4}> \S+MB,\n){2}- rss \(end\): \S+MB\.\n$/);
    expect(dump).toContain(`> ${last},`);
    expect(await answer("memdump")).toMatch(/^- rss \(end\): \S+MB\.\n$/);
    expect(await answer("memdump", { samples: "x" })).toEqual(errorWith('"samples"'));
    expect(await answer("objgraph")).toEqual(errorWith("Python's objects"));
  });

  it("takes 0 and 1 for flags, and nothing else than flags", async () => {
    await startWorker(bed.app());
    expect(await answer("revoke", { task_id: ["x"], terminate: 1 })).toEqual({ ok: "terminate: tasks unknown" });
    expect(await answer("revoke", { task_id: ["x"], terminate: 0 })).toEqual({ ok: "tasks {'x'} flagged as revoked" });
    expect(await answer("revoke", { task_id: ["x"], terminate: 2 })).toEqual(errorWith('"terminate"'));
  });
});

describe.each(["threads", "processes"] as const)("`pool_restart` in a pool of %s", { timeout: 60_000 }, (pool) => {
  it("replaces the children, interrupts nothing and loses nothing", async () => {
    await using bed = await PooledBed.open(pool);
    await bed.worker({ hostname: NODE, concurrency: 2, config: { workerPoolRestarts: true, workerMaxDeliveries: 1 } });
    const before = new Set(await Promise.all([1, 2, 3, 4].map(() => bed.valueOf("place"))));
    const running = await bed.call("hold", ["1"]);
    await bed.noted("1 runs");
    const others = await Promise.all(Array.from({ length: 10 }, (_, index) => bed.call("echo", [index])));
    expect(await answerOf(bed.app, "pool_restart", { modules: null, reload: false, reloader: null })).toEqual({
      ok: "reload started",
    });
    await eventually(() => expect(bed.log.map(({ message }) => message)).toContain("pool restarted"), PATIENCE);
    expect(await Promise.all(others.map((other) => other.get(PATIENCE)))).toEqual([...others.keys()]);
    expect(before).not.toContain(await bed.valueOf("place"));
    bed.openGate("1");
    expect(await running.get(PATIENCE)).toBe("1");
    expect(bed.count("1 runs")).toBe(1);
    for (let turn = 0; turn < 4; turn += 1) expect(before).not.toContain(await bed.valueOf("place"));
    await bed.deadLetters(0);
  });

  it("leaves everything as it is when the app cannot be imported any more", async () => {
    await using bed = await PooledBed.open(pool);
    await bed.worker({ hostname: NODE, concurrency: 1, config: { workerPoolRestarts: true } });
    const place = await bed.valueOf("place");
    bed.isBroken = true;
    expect(await answerOf(bed.app, "pool_restart")).toEqual({ ok: "reload started" });
    await eventually(() => {
      const line = bed.log.find(({ message }) => message === "pool not restarted, what is left of it goes on");
      expect(line?.fields["error"]).toContain("the app is broken");
    }, PATIENCE);
    expect(await bed.valueOf("place")).toBe(place);
    expect(await answerOf(bed.app, "pool_restart", { modules: ["tasks"] })).toEqual(errorWith('"modules"'));
    expect(await answerOf(bed.app, "pool_restart", { reloader: "x" })).toEqual(errorWith('"reloader"'));
  });
});
