import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Celeriac, TaskContext } from "celeriac";
import { COMMANDS } from "../../src/control/commands.ts";
import { CONTROL_EXCHANGE } from "../../src/control/exchanges.ts";
import { deferred } from "../../src/util/deferred.ts";
import { eventually } from "../support/eventually.ts";
import { HAS_REDIS } from "../support/redis.ts";
import { openTestBed, TEST_BEDS, type TestBed } from "../support/test-apps.ts";

const NODE = "celeriac@here";
const WAIT = { timeoutMs: 10_000 };

describe.each(TEST_BEDS)("remote control on %s", (bedName) => {
  let bed: TestBed;
  /** Of another process. */
  let asker: Celeriac;
  beforeEach(async () => {
    bed = await openTestBed(bedName);
    asker = bed.app();
  });
  afterEach(() => bed[Symbol.asyncDispose]());

  /** The answer of the one worker, asked again while it does not hear yet. */
  const answer = (method: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> =>
    eventually(async () => {
      const answers = await asker.control.ask(method, args, { destination: [NODE], timeoutMs: 2_000 });
      if (!answers.has(NODE)) throw new Error(`${NODE} does not answer.`);
      return answers.get(NODE);
    });

  const startWorker = async (app: Celeriac = bed.app()) => bed.worker(app, { hostname: NODE, concurrency: 4 });

  it("answers every command that callers are told of, and says of others that it has none", async () => {
    await startWorker();
    const needing = new Set(["add_consumer", "cancel_consumer", "pause_queue", "resume_queue", "revoke", "terminate"]);
    needing.add("revoke_by_stamped_headers").add("time_limit").add("rate_limit");
    const elsewhere = new Set(["autoscale", "objgraph", "pool_restart"]); // not in every worker
    for (const method of Object.keys(COMMANDS).filter((name) => name !== "shutdown" && !elsewhere.has(name))) {
      const said = JSON.stringify(await answer(method));
      if (needing.has(method)) expect(said, method).toMatch(/is missing|is not|names no/);
      else expect(said, method).not.toContain('"error"');
    }
    for (const method of ["nosuch", "__proto__", "constructor"])
      expect(await answer(method)).toEqual({ error: `KeyError('${method}')` });
  });

  it("tells what runs, and what the worker has and is", async () => {
    const app = bed.app();
    const gate = deferred<undefined>();
    const wait = app.task("wait", { params: ["what"] }, (_what: string) => gate.promise);
    app.task("other", { queue: "elsewhere" }, () => null);
    await startWorker(app);
    const { id } = await wait.delay("a");
    await eventually(async () => expect(await answer("active")).toHaveLength(1));
    const [running] = (await answer("active")) as readonly [{ readonly time_start: number }];
    expect(running).toMatchObject({
      id,
      name: "wait",
      args: ["a"],
      kwargs: {},
      hostname: NODE,
      acknowledged: false,
      worker_pid: process.pid,
      delivery_info: { exchange: "", routing_key: "celery", priority: 0, redelivered: false },
    });
    expect(Math.abs(Date.now() / 1000 - running.time_start)).toBeLessThan(60);
    expect(await answer("active", { safe: true })).toMatchObject([{ args: "('a',)", kwargs: "{}" }]);
    expect(await answer("query_task", { ids: [id, "unknown"] })).toMatchObject({ [id]: ["active", { name: "wait" }] });
    expect(await answer("registered")).toEqual(["other", "wait"]);
    expect(await answer("registered", { builtins: true })).toEqual([
      ...["celeriac.stored", "celery.accumulate", "celery.chunks", "celery.map", "celery.starmap"],
      ...["other", "wait"],
    ]);
    expect(await answer("registered", { taskinfoitems: ["queue"] })).toEqual(["other [queue=elsewhere]", "wait"]);
    expect(await answer("active_queues")).toMatchObject([{ name: "celery", durable: true, no_ack: false }]);
    expect(await answer("stats")).toMatchObject({
      total: { wait: 1 },
      pid: process.pid,
      pool: { implementation: "celeriac:inline", "max-concurrency": 4 },
      prefetch_count: 4,
    });
    expect(await answer("reserved")).toEqual([]);
    expect(await answer("scheduled")).toEqual([]);
    gate.resolve(undefined);
    await eventually(async () => expect(await answer("active")).toEqual([]));
  });

  it("tells the settings by Celery's names, those that were given or all", async () => {
    await startWorker(bed.app({ taskTimeLimit: 7 }));
    const given = (await answer("conf")) as Readonly<Record<string, unknown>>;
    expect(given).toMatchObject({ task_time_limit: 7 });
    expect(given).not.toHaveProperty("task_acks_late");
    expect(await answer("conf", { with_defaults: true })).toHaveProperty("task_acks_late");
    expect(JSON.stringify(await answer("report"))).toMatch(/software -> celery:.*celeriac:/);
  });

  it("adds a queue, gives it up, and keeps what it has begun", async () => {
    const app = bed.app();
    const seen: string[] = [];
    const note = app.task("note", (what: string) => void seen.push(what));
    const worker = await startWorker(app);
    expect(await answer("add_consumer", { queue: "more" })).toEqual({ ok: "add consumer more" });
    await (await note.applyAsync({ args: ["more"], queue: "more" })).get(WAIT);
    expect(worker.queues).toEqual(["celery", "more"]);
    expect(await answer("cancel_consumer", { queue: "more" })).toEqual({ ok: "no longer consuming from more" });
    await note.applyAsync({ args: ["later"], queue: "more" });
    await (await note.delay("celery")).get(WAIT);
    expect(seen).toEqual(["more", "celery"]);
    expect(await (await app.broker()).inspect("more")).toMatchObject({ ready: 1, unacked: 0 });
  });

  it("reaches an added queue by the exchange and key that it is told", async () => {
    const app = bed.app();
    const note = app.task("note", () => "done");
    await startWorker(app);
    const via = { exchange: "news", exchange_type: "topic", routing_key: "a.*" };
    expect(await answer("add_consumer", { queue: "via", ...via })).toEqual({ ok: "add consumer via" });
    const sent = await note.applyAsync({ exchange: "news", routingKey: "a.b" });
    expect(await sent.get(WAIT)).toBe("done");
  });

  it.each([
    ["add_consumer", {}, "queue"],
    ["add_consumer", { queue: [] }, "queue"],
    ["add_consumer", { queue: "x", exchange_type: "odd" }, "exchange_type"],
    ["cancel_consumer", {}, "queue"],
    ["pool_grow", { n: "many" }, "n"],
    ["revoke", {}, "task_id"],
    ["revoke", { task_id: [1] }, "task_id"],
    ["query_task", { ids: { no: "list" } }, "ids"],
  ] as const)("refuses %s with %o, naming the argument, and goes on", async (method, args, argument) => {
    const worker = await startWorker();
    expect(await answer(method, args)).toEqual({ error: expect.stringContaining(`"${argument}"`) as unknown });
    expect(await answer("ping")).toEqual({ ok: "pong" });
    expect(worker.state).toBe("running");
  });

  it("does what it is told about queues in the order in which it is told", async () => {
    const worker = await startWorker();
    await answer("ping");
    for (let turn = 0; turn < 5; turn += 1) {
      await asker.control.tell("add_consumer", { queue: "on and off" });
      await asker.control.tell("cancel_consumer", { queue: "on and off" });
    }
    await answer("add_consumer", { queue: "last" });
    expect(worker.queues).toEqual(["celery", "last"]);
  });

  it("adds no queue once it stops, and stops once however often it is told to", async () => {
    const app = bed.app();
    const gate = deferred<undefined>();
    const wait = app.task("wait", () => gate.promise);
    const worker = await startWorker(app);
    await wait.delay();
    await eventually(async () => expect(await answer("active")).toHaveLength(1));
    const warned: Error[] = [];
    const note = (warning: Error): void => void warned.push(warning);
    process.on("warning", note);
    for (let turn = 0; turn < 30; turn += 1) await asker.control.tell("shutdown");
    await eventually(() => expect(worker.state).toBe("stopping"));
    expect(await answer("add_consumer", { queue: "late" })).toMatchObject({ error: expect.any(String) as unknown });
    expect(worker.queues).toEqual(["celery"]);
    gate.resolve(undefined);
    await worker.finished;
    process.off("warning", note);
    expect(warned).toEqual([]);
  });

  it("keeps the app as it was where a queue cannot be reached as it is told", async () => {
    const app = bed.app();
    const worker = await startWorker(app);
    await (await app.broker()).declare({ exchanges: [{ name: "news", type: "topic" }] });
    const refused = await answer("add_consumer", { queue: "q2", exchange: "news", exchange_type: "direct" });
    expect(refused).toMatchObject({ error: expect.stringContaining("news") as unknown });
    expect(await answer("add_consumer", { queue: "q2" })).toEqual({ ok: "add consumer q2" });
    expect(worker.queues).toEqual(["celery", "q2"]);
  });

  it("says why an answer cannot be sent", async () => {
    const app = bed.app();
    const gate = deferred<undefined>();
    const spoil = app.task("spoil", (args: unknown[]) => {
      args.push(args);
      return gate.promise;
    });
    await startWorker(app);
    await spoil.delay([]);
    const told = { error: expect.stringContaining("contains itself") as unknown };
    await eventually(async () => expect(await answer("active")).toEqual(told));
    gate.resolve(undefined);
  });

  it("grows and shrinks the pool, never below one", async () => {
    const worker = await startWorker();
    expect(await answer("pool_grow", { n: 3 })).toEqual({ ok: "pool will grow" });
    expect(worker.concurrency).toBe(7);
    expect(await answer("pool_shrink")).toEqual({ ok: "pool will shrink" });
    expect(worker.concurrency).toBe(6);
    expect(await answer("pool_shrink", { n: 6 })).toEqual({
      error: expect.stringContaining("one must be left") as unknown,
    });
    expect(worker.concurrency).toBe(6);
  });

  it("revokes what waits, and ends what runs where it is told to terminate", async () => {
    const app = bed.app();
    const wait = app.task("wait", { bind: true }, ({ signal }: TaskContext) => {
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
    });
    const late = app.task("late", () => "ran");
    await startWorker(app);
    const waits = await wait.delay();
    await eventually(async () => expect(await answer("active")).toHaveLength(1));
    const later = await late.applyAsync({ countdownMs: 1_500 });
    expect(await answer("revoke", { task_id: later.id })).toEqual({ ok: `tasks {'${later.id}'} flagged as revoked` });
    expect(await answer("revoke", { task_id: ["x"], terminate: true })).toEqual({ ok: "terminate: tasks unknown" });
    const ended = { ok: `terminate: ${waits.id}` };
    expect(await answer("terminate", { signal: "KILL", task_id: [waits.id] })).toEqual(ended);
    await expect(waits.get(WAIT)).rejects.toMatchObject({ name: "TaskRevokedError" });
    await expect(later.get(WAIT)).rejects.toMatchObject({ name: "TaskRevokedError" });
    expect(await answer("revoked")).toEqual([later.id, "x", waits.id]);
  });

  it("leaves the state of a revoked task that runs to its run, and tells of it at once", async () => {
    const app = bed.app();
    const gate = deferred<string>();
    const wait = app.task("wait", { trackStarted: true }, () => gate.promise);
    await startWorker(app);
    const waits = await wait.delay();
    await eventually(async () => expect(await waits.state()).toBe("STARTED"));
    void asker.control.tell("revoke", { task_id: waits.id, terminate: 0 });
    await eventually(async () => expect(await answer("revoked")).toEqual([waits.id]));
    await answer("revoke", { task_id: waits.id });
    expect(await waits.state()).toBe("STARTED");
    gate.resolve("done");
    expect(await waits.get(WAIT)).toBe("done");
  });

  it("shuts the worker down with what it has begun done", async () => {
    const app = bed.app();
    const gate = deferred<string>();
    const wait = app.task("wait", () => gate.promise);
    const worker = await startWorker(app);
    const waits = await wait.delay();
    await eventually(async () => expect(await answer("active")).toHaveLength(1));
    await asker.control.tell("shutdown");
    await eventually(() => expect(worker.state).toBe("stopping"));
    gate.resolve("done");
    await worker.finished;
    expect(await waits.get(WAIT)).toBe("done");
  });

  it("reaches those it is meant for, and waits for no more of them", async () => {
    for (const hostname of ["a@1", "b@1", "b@2"]) await bed.worker(bed.app(), { hostname });
    const nodes = async (audience: Parameters<Celeriac["control"]["ask"]>[2]): Promise<readonly string[]> =>
      [...(await asker.control.ask("ping", {}, audience)).keys()].sort();
    await eventually(async () => expect(await nodes({ limit: 3 })).toEqual(["a@1", "b@1", "b@2"]));
    expect(await nodes({ destination: ["b@2", "b@2"] })).toEqual(["b@2"]);
    expect(await nodes({ destination: [] })).toEqual(["a@1", "b@1", "b@2"]);
    expect(await nodes({ pattern: "b@*", matcher: "glob", limit: 2 })).toEqual(["b@1", "b@2"]);
    expect(await nodes({ pattern: "[ab]@1", matcher: "pcre", limit: 2 })).toEqual(["a@1", "b@1"]);
    const before = performance.now();
    expect(await nodes({ destination: ["nobody@1"], timeoutMs: 300 })).toEqual([]);
    expect(performance.now() - before).toBeGreaterThan(290);
  });

  it("goes on after garbage on the control channel, and tells of it", async () => {
    await startWorker();
    await answer("ping");
    const { broadcaster } = await asker.broker();
    for (const body of ["", "no JSON", "[]", '{"method": 1}', '{"method":"ping","reply_to":"x"}', "\u0000"]) {
      const message = { body: Buffer.from(body), contentType: "x", contentEncoding: "x", headers: {}, properties: {} };
      await broadcaster?.broadcast(message, CONTROL_EXCHANGE);
    }
    expect(await answer("ping")).toEqual({ ok: "pong" });
    expect(bed.log.filter(({ message }) => message === "control message not read")).toHaveLength(6);
  });

  it("lives through a flood of commands, with nobody left to hear the answers", async () => {
    const app = bed.app();
    const noop = app.task("noop", () => "done");
    await startWorker(app);
    await answer("ping");
    const gone = bed.app();
    const asked = Array.from({ length: 300 }, () => gone.control.ask("stats", {}, { limit: 0, timeoutMs: 30_000 }));
    await Promise.all(asked);
    await gone.close();
    expect(await (await noop.delay()).get(WAIT)).toBe("done");
    expect(await answer("ping")).toEqual({ ok: "pong" });
  });

  it("brings the answers of many who ask at the same time, each to whoever asked", async () => {
    await startWorker();
    await answer("ping");
    const ids = Array.from({ length: 50 }, (_, index) => `id${String(index)}`);
    const asked = ids.map((id) => asker.control.ask("revoke", { task_id: id }, { limit: 1, timeoutMs: 10_000 }));
    const answers = (await Promise.all(asked)).map((one) => one.get(NODE));
    expect(answers).toEqual(ids.map((id) => ({ ok: `tasks {'${id}'} flagged as revoked` })));
  });
});

it.skipIf(!HAS_REDIS)("a worker on Redis refuses queues whose keys are not queues', and goes on", async () => {
  await using bed = await openTestBed("redis");
  const worker = await bed.worker(bed.app(), { hostname: NODE });
  const asker = bed.app();
  await eventually(async () => expect((await asker.control.ask("ping", {}, { limit: 1 })).size).toBe(1));
  for (const queue of ["unacked", "unacked_index", "celeriac:queues", "_kombu.binding.celery", "celery-task-meta-1"]) {
    const answers = await asker.control.ask("add_consumer", { queue }, { limit: 1 });
    expect(answers.get(NODE)).toMatchObject({ error: expect.any(String) as unknown });
  }
  expect(worker.state).toBe("running");
});
