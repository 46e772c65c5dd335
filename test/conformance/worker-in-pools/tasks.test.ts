import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TaskFailedError, TaskRevokedError } from "celeriac";
import { eventually } from "../../support/eventually.ts";
import { errorOf, PATIENCE, PooledBed, POOLED } from "../../support/pooled-bed.ts";

describe.each(POOLED)("a task of a worker with %s on %s", (pool, store) => {
  let bed: PooledBed;
  beforeAll(async () => {
    bed = await PooledBed.open(pool, store);
    await bed.worker({ config: { workerSendTaskEvents: true } });
  });
  afterAll(() => bed[Symbol.asyncDispose]());

  it("gives its caller its value", async () => {
    const value = { text: "ä", list: [1, 2.5, null], when: new Date(0) };
    expect(await bed.valueOf("echo", [value])).toEqual(value);
  });

  it("runs where its pool says", async () => {
    const [pid, thread] = String(await bed.valueOf("place")).split("/");
    expect(Number(pid) === process.pid).toBe(pool !== "processes");
    expect(thread !== "0").toBe(pool === "threads");
  });

  it("gives its caller its error, with type, message and traceback", async () => {
    const error = await errorOf(await bed.call("fail", ["too far"]));
    expect(error).toBeInstanceOf(TaskFailedError);
    expect(error).toMatchObject({ remoteType: "RangeError", remoteArgs: ["too far"] });
    expect((error as TaskFailedError).traceback).toContain("pooled-tasks.ts");
  });

  it("is told of by its worker alone, wherever it runs", async () => {
    await using events = await bed.app.events({ pattern: "task.#" });
    const { id } = await bed.call("echo", ["told"]);
    const told: unknown[] = [];
    for await (const { type, pid, ...own } of events) {
      if (!("uuid" in own) || own.uuid !== id) continue; // of an earlier test
      told.push([type, pid, "result" in own ? own.result : ""]);
      if (told.length === 3) break;
    }
    expect(told).toEqual([
      ["task-received", process.pid, ""],
      ["task-started", process.pid, ""],
      ["task-succeeded", process.pid, "'told'"],
    ]);
  });

  it("is retried as it asks, and as the app's policy says", async () => {
    expect(await bed.valueOf("askAgain")).toBe(2);
    expect(await bed.valueOf("flaky", [2])).toBe(2);
    expect(await errorOf(await bed.call("flaky", [9]))).toMatchObject({
      remoteType: "Flaky",
      remoteArgs: ["failure 4"],
    });
  });

  it("is retried later each time where it backs off", async () => {
    await bed.valueOf("backOff");
    const [first = 0, second = 0, third = 0] = bed.numbers("backed off until");
    expect(second - first).toBeGreaterThanOrEqual(100);
    expect(third - second).toBeGreaterThanOrEqual(200);
  });

  it("starts no earlier than its countdown and its eta", async () => {
    const due = Date.now() + 300;
    const results = [
      await bed.call("time", [], { countdownMs: 300 }),
      await bed.call("time", [], { eta: new Date(due) }),
    ];
    for (const result of results) expect(await result.get(PATIENCE)).toBeGreaterThanOrEqual(due);
  });

  it("ends REVOKED without a run when it has expired, and when it was revoked", async () => {
    const expired = await bed.call("hold", ["expired"], { expires: new Date(Date.now() - 1) });
    const revoked = await bed.call("hold", ["revoked"], { countdownMs: 200 });
    await revoked.revoke();
    for (const result of [expired, revoked]) expect(await errorOf(result)).toBeInstanceOf(TaskRevokedError);
    await eventually(async () => expect(await bed.depth()).toEqual({ ready: 0, delayed: 0, unacked: 0 }), PATIENCE);
    expect(bed.count("expired runs") + bed.count("revoked runs")).toBe(0);
  });

  it("reports its progress", async () => {
    const result = await bed.call("report");
    await eventually(
      async () => expect(await result.meta()).toMatchObject({ state: "PROGRESS", result: { done: 1 } }),
      PATIENCE,
    );
    bed.openGate("reported");
    expect(await result.get(PATIENCE)).toBe("done");
  });

  it("is the parent of those that it sends", async () => {
    const parent = await bed.call("parent");
    const childId = await parent.get(PATIENCE);
    expect((await parent.children()).map(({ id }) => id)).toEqual([childId]);
    expect(await bed.app.result(String(childId)).get(PATIENCE)).toEqual([parent.id, parent.id]);
  });

  it("has its resources committed when it returns and rolled back when it throws", async () => {
    await bed.valueOf("bookWell");
    await errorOf(await bed.call("bookBadly"));
    const steps = bed.journal.filter((line) => /^(wrote|committed|rolled back|released)/.test(line));
    expect(steps).toEqual(["wrote", "committed", "released", "wrote", "rolled back: RangeError", "released"]);
  });

  it("logs into the worker's log", async () => {
    const result = await bed.call("log", ["hello from a task"]);
    await result.get(PATIENCE);
    const line = bed.log.find(({ message }) => message === "hello from a task");
    expect(line).toMatchObject({ level: "warn", fields: { number: 1, task: "log", id: result.id } });
  });

  it("never runs beside another of its concurrency key", async () => {
    const results = await Promise.all([bed.call("alone"), bed.call("alone")]);
    for (const result of results) await result.get(PATIENCE);
    const steps = bed.journal.filter((line) => line === "in" || line === "out");
    expect(steps).toEqual(["in", "out", "in", "out"]);
  });

  it("is sent once while another of its unique key runs", async () => {
    const first = await bed.call("only", ["only one"]);
    await bed.noted("only one runs");
    expect((await bed.call("only", ["only one"])).id).toBe(first.id);
    bed.openGate("only one");
    await first.get(PATIENCE);
    expect(bed.count("only one runs")).toBe(1);
  });

  it("has a greater fence in each run, over deliveries and retries", async () => {
    await bed.valueOf("fence");
    const fences = bed.numbers("fence");
    expect(fences).toHaveLength(4);
    expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b));
  });

  it("that is never done with its message is dead-lettered after three deliveries, with what happened at each", async () => {
    const error = await errorOf(await bed.call("refuse"));
    expect(error).toMatchObject({ remoteType: "WorkerLostError" });
    const [letter] = await bed.deadLetters(1);
    expect(letter?.reason.code).toBe("delivery-limit");
    expect(letter?.history.map(({ detail }) => detail)).toEqual(["attempt 1", "attempt 2", "attempt 3"]);
  });
});
