import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import {
  ResultBackendUnavailableError,
  type RetryOptions,
  type Celeriac,
  currentTask,
  Ignore,
  InvalidArgumentsError,
  Reject,
  ResultTimeoutError,
  Signature,
  SoftTimeLimitExceededError,
  TaskFailedError,
  TaskRevokedError,
  type TaskContext,
} from "celeriac";
import { encodeTask } from "../../src/message/protocol-v2.ts";
import { NO_FOLLOW_UPS, type FollowUps, type SignatureDict } from "../../src/message/task-request.ts";
import { deferred } from "../../src/util/deferred.ts";
import { eventually } from "../support/eventually.ts";
import { taskRequest } from "../support/task-request.ts";
import { openTestBed, RESULT_BEDS, type TestBed } from "../support/test-apps.ts";

const WAIT = { timeoutMs: 10_000 };

describe.each(RESULT_BEDS)("a worker on %s", (bedName) => {
  let bed: TestBed;
  beforeEach(async () => {
    bed = await openTestBed(bedName);
  });
  afterEach(async () => {
    await bed[Symbol.asyncDispose]();
  });

  /** Counts of the default queue. */
  const depth = async () => (await bed.app().broker()).inspect("celery");

  describe("running tasks", () => {
    it("gives the caller the task's value, called by position, by name, and by name from another language", async () => {
      const app = bed.app();
      const add = app.task("add", { params: ["x", "y"] }, (x: number, y: number) => x + y);
      await bed.worker(app);
      expect(await (await add.delay(1, 2)).get(WAIT)).toBe(3);
      expect(await (await add.applyAsync({ kwargs: { x: 3, y: 4 } })).get(WAIT)).toBe(7);
      expect(await (await bed.app().sendTask("add", { args: [5], kwargs: { y: 6 } })).get(WAIT)).toBe(11);
    });

    it("acknowledges what is done, and keeps nothing in the queue", async () => {
      const app = bed.app();
      const noop = app.task("noop", () => null);
      await bed.worker(app);
      await (await noop.delay()).get(WAIT);
      await eventually(async () => expect(await depth()).toMatchObject({ ready: 0, delayed: 0, unacked: 0 }));
    });

    it("gives a failed task's error with its type, message and traceback", async () => {
      const app = bed.app();
      const fail = app.task("fail", (message: string) => {
        throw new RangeError(message);
      });
      await bed.worker(app);
      const error: unknown = await (await fail.delay("too far")).get(WAIT).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(TaskFailedError);
      expect(error).toMatchObject({ remoteType: "RangeError", remoteArgs: ["too far"] });
      expect((error as TaskFailedError).traceback).toContain("worker.test.ts");
    });

    it("runs as many at once as its concurrency, and takes no more than it runs", async () => {
      const app = bed.app();
      const gate = deferred<undefined>();
      let running = 0;
      const wait = app.task("wait", async () => {
        running += 1;
        await gate.promise;
      });
      await app.sendBatch(Array.from({ length: 10 }, () => wait.s()));
      await bed.worker(app, { concurrency: 3 });
      await eventually(() => expect(running).toBe(3));
      expect(await depth()).toMatchObject({ ready: 7, unacked: 3 });
      gate.resolve(undefined);
      await eventually(() => expect(running).toBe(10));
    });

    it("checks arguments where the task runs too, and fails as Python would", async () => {
      const app = bed.app();
      app.task("typed", { kwargs: z.object({ n: z.number() }) }, ({ n }) => n);
      app.task("named", { params: ["x"] }, (x: number) => x);
      await bed.worker(app);
      const producer = bed.app();
      const wrong = await producer.sendTask("typed", { kwargs: { n: "one" } });
      await expect(wrong.get(WAIT)).rejects.toThrow('argument "n"');
      const missing = await producer.sendTask("named");
      await expect(missing.get(WAIT)).rejects.toMatchObject({ remoteType: "TypeError", remoteModule: "builtins" });
    });

    it("ends a task whose result cannot be serialised as failed", async () => {
      const app = bed.app();
      const odd = app.task("odd", () => ({ deep: [() => 1] }));
      await bed.worker(app);
      await expect((await odd.delay()).get(WAIT)).rejects.toThrow("result.deep[0]");
    });

    it("tells a task of itself, wherever it asks", async () => {
      const app = bed.app();
      const seen: (TaskContext | undefined)[] = [];
      const deep = (): void => void seen.push(currentTask());
      const self = app.task("self", { bind: true }, (ctx) => {
        deep();
        return [
          ctx.id,
          ctx.rootId,
          ctx.parentId,
          ctx.retries,
          ctx.headers["x"],
          ctx.delivery.queue,
          ctx.delivery.redelivered,
        ];
      });
      await bed.worker(app);
      const result = await self.applyAsync({ headers: { x: "y" } });
      expect(await result.get(WAIT)).toEqual([result.id, result.id, null, 0, "y", "celery", false]);
      expect(seen[0]?.id).toBe(result.id);
      expect(currentTask()).toBeUndefined();
    });

    it("makes tasks that a task sends its children", async () => {
      const app = bed.app();
      const child = app.task("child", { bind: true }, (ctx) => [ctx.rootId, ctx.parentId]);
      const parent = app.task("parent", async () => (await child.delay()).id);
      await bed.worker(app);
      const result = await parent.delay();
      const childId = await result.get(WAIT);
      expect(await app.result(childId).get(WAIT)).toEqual([result.id, result.id]);
      expect((await result.children()).map(({ id }) => id)).toEqual([childId]);
    });

    it("stores progress, STARTED when asked to, and extended results when asked to", async () => {
      const app = bed.app({ resultExtended: true });
      const gate = deferred<undefined>();
      const steps = app.task("steps", { bind: true, trackStarted: true }, async (ctx, half: boolean) => {
        if (half) ctx.progress({ percent: 50 });
        await gate.promise;
        return "done";
      });
      const worker = await bed.worker(app);
      const [started, halfway] = [await steps.delay(false), await steps.delay(true)];
      await eventually(async () => {
        expect(await started.meta()).toMatchObject({ state: "STARTED", result: { pid: process.pid } });
        expect(await halfway.meta()).toMatchObject({ state: "PROGRESS", result: { percent: 50 } });
      });
      gate.resolve(undefined);
      await halfway.get(WAIT);
      expect((await halfway.meta())?.extended).toEqual({
        name: "steps",
        args: [true],
        kwargs: {},
        worker: worker.hostname,
        retries: 0,
        queue: "celery",
      });
    });

    it("stores nothing for ignored results, but errors when asked to", async () => {
      const app = bed.app();
      const ran: string[] = [];
      const quiet = app.task("quiet", { ignoreResult: true }, () => ran.push("quiet"));
      const loud = app.task("loud", { ignoreResult: true, storeErrorsEvenIfIgnored: true }, () => {
        throw new Error("loud");
      });
      const ignore = app.task("ignore", () => {
        ran.push("ignore");
        throw new Ignore();
      });
      await bed.worker(app);
      const results = [await quiet.delay(), await ignore.delay()];
      await expect((await loud.delay()).get(WAIT)).rejects.toThrow("loud");
      await eventually(() => expect(ran.sort()).toEqual(["ignore", "quiet"]));
      await eventually(async () => expect(await depth()).toMatchObject({ unacked: 0 }));
      for (const result of results) expect(await result.state()).toBe("PENDING");
    });

    it("runs first what its broker takes for the most urgent", async () => {
      const app = bed.app();
      const { priorityOrder } = (await app.broker()).features;
      const order: number[] = [];
      const note = app.task("note", (n: number) => void order.push(n));
      for (const priority of [1, 9, 5]) await note.applyAsync({ args: [priority], priority });
      await bed.worker(app, { concurrency: 1 });
      await eventually(() => expect(order).toEqual(priorityOrder === "highest-first" ? [9, 5, 1] : [1, 5, 9]));
    });
  });

  describe("retries", () => {
    it("runs a task again until it succeeds, with the same id and family", async () => {
      const app = bed.app();
      const runs: unknown[] = [];
      const flaky = app.task("flaky", { bind: true, params: ["times"] }, (ctx, times: number) => {
        runs.push([ctx.id, ctx.retries, ctx.rootId]);
        if (ctx.retries < times) throw ctx.retry({ delayMs: 5, error: new Error("not yet") });
        return ctx.retries;
      });
      await bed.worker(app);
      const result = await flaky.delay(2);
      expect(await result.get(WAIT)).toBe(2);
      expect(runs).toEqual([0, 1, 2].map((retries) => [result.id, retries, result.id]));
    });

    it("shows RETRY with its reason in between", async () => {
      const app = bed.app();
      const slow = app.task("slow", { bind: true }, (ctx) => {
        throw ctx.retry({ delayMs: 60_000, error: new RangeError("come back") });
      });
      await bed.worker(app);
      const result = await slow.delay();
      await eventually(async () => {
        expect(await result.meta()).toMatchObject({ state: "RETRY", result: { exc_type: "RangeError" } });
      });
      await eventually(async () => expect(await depth()).toMatchObject({ delayed: 1, unacked: 0 }));
    });

    it("fails with the task's own error once no retry is left", async () => {
      const app = bed.app();
      let runs = 0;
      const stubborn = app.task("stubborn", { autoretryFor: [RangeError], maxRetries: 2, retryDelayMs: 1 }, () => {
        runs += 1;
        throw new RangeError("never");
      });
      await bed.worker(app);
      await expect((await stubborn.delay()).get(WAIT)).rejects.toMatchObject({ remoteType: "RangeError" });
      expect(runs).toBe(3);
    });

    it("does not retry what the rules do not name", async () => {
      const app = bed.app();
      let runs = 0;
      const once = app.task("once", { autoretryFor: [RangeError], retryDelayMs: 1 }, () => {
        runs += 1;
        throw new TypeError("no");
      });
      await bed.worker(app);
      await expect((await once.delay()).get(WAIT)).rejects.toMatchObject({ remoteType: "TypeError" });
      expect(runs).toBe(1);
    });

    it("may change the arguments", async () => {
      const app = bed.app();
      const shrink = app.task("shrink", { bind: true }, (ctx, n: number) => {
        if (n > 1) throw ctx.retry({ delayMs: 1, args: [n - 1] });
        return `${String(ctx.retries)} retries`;
      });
      await bed.worker(app);
      expect(await (await shrink.delay(3)).get(WAIT)).toBe("2 retries");
    });
  });

  describe("time", () => {
    it("starts a task no earlier than its countdown, and holds it in the broker meanwhile", async () => {
      const app = bed.app();
      const now = app.task("now", () => Date.now());
      await bed.worker(app);
      const sentAt = Date.now();
      const result = await now.applyAsync({ countdownMs: 300 });
      expect(await depth()).toMatchObject({ delayed: 1, unacked: 0 });
      expect(await result.get(WAIT)).toBeGreaterThanOrEqual(sentAt + 300);
    });

    it("ends an expired task REVOKED without running it", async () => {
      const app = bed.app();
      let runs = 0;
      const late = app.task("late", () => (runs += 1));
      const result = await late.applyAsync({ expires: new Date(Date.now() - 1) });
      await bed.worker(app);
      const error: unknown = await result.get(WAIT).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(TaskRevokedError);
      expect(error).toMatchObject({ reason: "expired" });
      expect(runs).toBe(0);
    });

    it("aborts a task's signal at the soft limit, which it may survive", async () => {
      const app = bed.app();
      const careful = app.task("careful", { bind: true, softTimeLimitMs: 20 }, async (ctx) => {
        const reason = await new Promise((resolve) => {
          ctx.signal.addEventListener("abort", () => resolve(ctx.signal.reason));
        });
        return reason instanceof SoftTimeLimitExceededError ? "cleaned up" : "?";
      });
      await bed.worker(app);
      expect(await (await careful.delay()).get(WAIT)).toBe("cleaned up");
    });

    it("ends a run at the hard limit, and has its slot free for the next", async () => {
      const app = bed.app();
      const stuck = app.task("stuck", { timeLimitMs: 20 }, () => new Promise<never>(() => undefined));
      const next = app.task("next", () => "ran");
      await bed.worker(app, { concurrency: 1 });
      const [first, second] = [await stuck.delay(), await next.delay()];
      await expect(first.get(WAIT)).rejects.toMatchObject({ remoteType: "TimeLimitExceeded", remoteArgs: [0.02] });
      expect(await second.get(WAIT)).toBe("ran");
    });
  });

  describe("revoking", () => {
    it("keeps a task from starting, also with no worker up", async () => {
      const app = bed.app();
      const ran: string[] = [];
      const note = app.task("note", (name: string) => void ran.push(name));
      const [revoked, kept] = [await note.delay("revoked"), await note.delay("kept")];
      await revoked.revoke();
      expect(await revoked.state()).toBe("REVOKED");
      await bed.worker(app);
      await kept.get(WAIT);
      await expect(revoked.get(WAIT)).rejects.toMatchObject({ reason: "revoked" });
      await eventually(async () => expect(await depth()).toMatchObject({ ready: 0, unacked: 0 }));
      expect(ran).toEqual(["kept"]);
    });
  });

  describe("follow-ups", () => {
    it("sends callbacks with the result, and errbacks with the failed task's id", async () => {
      const app = bed.app();
      const heard: unknown[] = [];
      const add = app.task("add", (x: number, y: number) => x + y);
      const fail = app.task("fail", () => {
        throw new Error("fail");
      });
      const hear = app.task("hear", (what: unknown) => void heard.push(what));
      await bed.worker(app);
      const hearOfIt = new Signature({ task: "hear" });
      await add.applyAsync({ args: [1, 2], link: hear.si("done") });
      await add.applyAsync({ args: [3, 4], link: [hearOfIt] });
      const failed = await fail.applyAsync({ linkError: hearOfIt });
      await eventually(() => expect(heard).toHaveLength(3));
      expect(new Set(heard)).toEqual(new Set(["done", failed.id, 7]));
    });
  });

  describe("chains sent from elsewhere", () => {
    const step = (task: string, taskId: string, args: readonly unknown[] = []): SignatureDict => ({
      task,
      args,
      kwargs: {},
      options: { task_id: taskId },
      subtask_type: null,
      immutable: false,
    });

    /** Sends a task with follow-ups as Python would: the chain's next step is its last element. */
    async function sendWith(app: Celeriac, task: string, args: readonly unknown[], followUps: Partial<FollowUps>) {
      const id = randomUUID();
      const request = taskRequest({ id, rootId: id, task, args, followUps: { ...NO_FOLLOW_UPS, ...followUps } });
      const broker = await app.broker();
      await broker.publish([{ message: encodeTask(request), route: { exchange: "", routingKey: "celery" } }]);
      return app.result(id);
    }

    it("run step by step, each with the result before it, in one family", async () => {
      const app = bed.app();
      app.task("add", (x: number, y: number) => x + y);
      app.task("tell", { bind: true }, (ctx, n: number) => [n, ctx.parentId, ctx.rootId]);
      await bed.worker(app);
      const first = await sendWith(app, "add", [1, 2], { chain: [step("tell", "third"), step("add", "second", [10])] });
      expect(await app.result("third").get(WAIT)).toEqual([13, "second", first.id]);
      expect((await first.children()).map(({ id }) => id)).toEqual(["second"]);
    });

    it("end as a whole when a step fails: nobody waits for what will never run", async () => {
      const app = bed.app();
      app.task("fail", () => {
        throw new RangeError("broken");
      });
      await bed.worker(app);
      await sendWith(app, "fail", [], { chain: [step("add", "never-2"), step("add", "never-1")] });
      for (const id of ["never-1", "never-2"]) {
        await expect(app.result(id).get(WAIT)).rejects.toMatchObject({ remoteType: "RangeError" });
      }
    });
  });

  describe("resources", () => {
    it("are committed on success, rolled back on error and retry, and always released", async () => {
      const history: string[] = [];
      const base = bed.app();
      const app = base.resource("tx", {
        acquire: (ctx) => {
          history.push(`${ctx.task} acquire`);
          return { write: (text: string) => history.push(`${ctx.task} ${text}`), task: ctx.task };
        },
        commit: ({ task }) => history.push(`${task} commit`),
        rollback: ({ task }, error) => history.push(`${task} rollback ${(error as Error).name}`),
        release: ({ task }) => history.push(`${task} release`),
      });
      const good = app.task("good", { bind: true }, (ctx) => void ctx.tx.write("wrote"));
      const bad = app.task("bad", { bind: true }, (ctx) => {
        ctx.tx.write("wrote");
        throw new RangeError("bad");
      });
      await bed.worker(base, { concurrency: 1 });
      await (await good.delay()).get(WAIT);
      await expect((await bad.delay()).get(WAIT)).rejects.toThrow("bad");
      expect(history).toEqual([
        ...["good acquire", "good wrote", "good commit", "good release"],
        ...["bad acquire", "bad wrote", "bad rollback RangeError", "bad release"],
      ]);
    });

    it("are rolled back for a retry, and given to bound tasks only", async () => {
      const history: string[] = [];
      const base = bed.app();
      const app = base.resource("tx", {
        acquire: ({ task, retries }) => `${task} ${String(retries)}`,
        commit: (run) => history.push(`${run} commit`),
        rollback: (run) => history.push(`${run} rollback`),
        release: (run) => history.push(`${run} release`),
      });
      const again = app.task("again", { bind: true }, (ctx) => {
        if (ctx.retries === 0) throw ctx.retry({ delayMs: 1 });
      });
      const plain = app.task("plain", () => null);
      await bed.worker(base);
      await (await again.delay()).get(WAIT);
      await (await plain.delay()).get(WAIT);
      expect(history).toEqual(["again 0 rollback", "again 0 release", "again 1 commit", "again 1 release"]);
    });

    it("roll back only what was not committed when a commit fails", async () => {
      const history: string[] = [];
      const base = bed.app();
      const app = base
        .resource("first", {
          acquire: () => 1,
          commit: () => {
            throw new Error("disk full");
          },
          rollback: () => history.push("rollback first"),
        })
        .resource("second", {
          acquire: () => 2,
          commit: () => history.push("commit second"),
          rollback: () => history.push("rollback second"),
        });
      const write = app.task("write", { bind: true }, () => null);
      await bed.worker(base);
      await expect((await write.delay()).get(WAIT)).rejects.toThrow("disk full");
      expect(history).toEqual(["commit second", "rollback first"]);
    });

    it("whose commit fails make the task fail", async () => {
      const base = bed.app();
      const released: string[] = [];
      const app = base.resource("tx", {
        acquire: () => "tx",
        commit: () => {
          throw new Error("disk full");
        },
        release: (tx) => released.push(tx),
      });
      const write = app.task("write", { bind: true }, () => "written");
      await bed.worker(base);
      await expect((await write.delay()).get(WAIT)).rejects.toThrow("disk full");
      expect(released).toEqual(["tx"]);
    });
  });

  describe("messages that cannot be run", () => {
    it("are dead-lettered when unreadable, with the reason, and stop nothing", async () => {
      const app = bed.app();
      const add = app.task("add", (x: number, y: number) => x + y);
      await bed.worker(app);
      const broker = await app.broker();
      await add.delay(0, 0);
      const bodies = ["{", "", "[]", '["a"]', "\u0000", '[[1],{},{"chord":7}]'];
      await broker.publish(
        bodies.map((body) => ({
          route: { exchange: "", routingKey: "celery" },
          message: {
            body: new TextEncoder().encode(body),
            contentType: "application/json",
            contentEncoding: "utf-8",
            headers: { task: "add", id: randomUUID() },
            properties: {},
          },
        })),
      );
      await eventually(async () => expect(await broker.deadLetters()).toHaveLength(bodies.length));
      const letters = await broker.deadLetters();
      expect(letters.every(({ reason }) => reason.code === "unreadable" && reason.detail !== "")).toBe(true);
      expect(await (await add.delay(1, 2)).get(WAIT)).toBe(3);
    });

    it("are dead-lettered or requeued as a task rejects them", async () => {
      const app = bed.app();
      let runs = 0;
      const reject = app.task("reject", () => {
        throw new Reject("not mine");
      });
      const second = app.task("second", { bind: true }, (ctx) => {
        runs += 1;
        if (!ctx.delivery.redelivered) throw new Reject("again", { requeue: true });
        return ctx.delivery.deliveries;
      });
      await bed.worker(app);
      await expect((await reject.delay()).get(WAIT)).rejects.toMatchObject({
        name: "TaskFailedError",
        remoteType: "Reject",
        remoteArgs: ["not mine"],
      });
      expect(await (await second.delay()).get(WAIT)).toBe(2);
      expect(runs).toBe(2);
      const broker = await app.broker();
      await eventually(async () => {
        expect(await broker.deadLetters()).toMatchObject([{ reason: { code: "rejected", detail: "not mine" } }]);
      });
    });
  });

  describe("what cannot be sent afterwards", () => {
    it("makes the task a failure, run once: its follow-up does not fit, or its retry", async () => {
      const app = bed.app();
      let runs = 0;
      const count = app.task("count", () => (runs += 1));
      app.task("picky", { params: ["x", "y"] }, (x: number, y: number) => x + y);
      const again = app.task("again", { bind: true }, (ctx, changes: RetryOptions) => {
        runs += 1;
        throw ctx.retry(changes);
      });
      await bed.worker(app);
      const results = [
        await count.applyAsync({ link: new Signature({ task: "picky" }) }),
        await count.applyAsync({ link: new Signature({ task: "any", options: { priority: 12 } }) }),
        await again.delay({ queue: "nowhere", delayMs: 1 }),
        await again.delay({ delayMs: 1e20 }),
      ];
      for (const result of results) await expect(result.get(WAIT)).rejects.toBeInstanceOf(TaskFailedError);
      await eventually(async () => expect(await depth()).toMatchObject({ ready: 0, delayed: 0, unacked: 0 }));
      expect(runs).toBe(results.length);
    });

    it("does not matter for errbacks: the task has failed already", async () => {
      const app = bed.app();
      const fail = app.task("fail", () => {
        throw new RangeError("first");
      });
      await bed.worker(app);
      const result = await fail.applyAsync({ linkError: new Signature({ task: "x", options: { priority: 12 } }) });
      await expect(result.get(WAIT)).rejects.toThrow("first");
    });

    it("is no reason to lose the error when a test in autoretryFor throws", async () => {
      const app = bed.app();
      let runs = 0;
      const rule = (error: unknown): boolean => (error as { code: string }).code.startsWith("E");
      const odd = app.task("odd", { autoretryFor: [rule] }, () => {
        runs += 1;
        throw new RangeError("without a code");
      });
      await bed.worker(app);
      await expect((await odd.delay()).get(WAIT)).rejects.toThrow("without a code");
      expect(runs).toBe(1);
    });
  });

  describe("a run that was given up", () => {
    it("reports nothing more, and commits nothing", async () => {
      const history: string[] = [];
      const base = bed.app();
      const app = base.resource("tx", {
        acquire: () => history.push("acquire"),
        commit: () => history.push("commit"),
        rollback: () => history.push("rollback"),
      });
      const gate = deferred();
      const late = app.task("late", { bind: true, timeLimitMs: 20 }, async (ctx) => {
        await gate.promise;
        ctx.progress("still here");
      });
      await bed.worker(base);
      const result = await late.delay();
      await expect(result.get(WAIT)).rejects.toMatchObject({ remoteType: "TimeLimitExceeded" });
      gate.resolve();
      await eventually(() => expect(history).toEqual(["acquire", "rollback"]));
      expect(await result.state()).toBe("FAILURE");
    });

    it("is not started when its worker stops before", async () => {
      const app = bed.app();
      let runs = 0;
      const count = app.task("count", () => (runs += 1));
      await app.sendBatch(Array.from({ length: 20 }, () => count.s()));
      const worker = await bed.worker(app);
      await worker.stop({ graceMs: 0 });
      const left = (await depth())?.ready ?? 0;
      expect(runs + left).toBe(20);
    });
  });

  describe("stopping", () => {
    it("finishes what runs, hands the rest back, and resolves once all is settled", async () => {
      const app = bed.app();
      const gate = deferred<undefined>();
      const wait = app.task("wait", async () => gate.promise);
      const results = await app.sendBatch(Array.from({ length: 5 }, () => wait.s()));
      const worker = await bed.worker(app, { concurrency: 2 });
      await eventually(() => expect(worker.busy).toBe(2));
      const stopped = worker.stop();
      await eventually(() => expect(worker.state).toBe("stopping"));
      gate.resolve(undefined);
      await stopped;
      expect(worker.state).toBe("stopped");
      const states = await Promise.all(results.map((result) => result.state()));
      expect(states.sort()).toEqual(["PENDING", "PENDING", "PENDING", "SUCCESS", "SUCCESS"]);
      expect(await depth()).toMatchObject({ ready: 3, unacked: 0, consumers: 0 });
    });

    it("hands back what outlasts the grace, and another worker runs it", async () => {
      const app = bed.app();
      const stuck = app.task("stuck", () => new Promise<never>(() => undefined));
      const result = await stuck.delay();
      const worker = await bed.worker(app);
      await eventually(() => expect(worker.busy).toBe(1));
      await worker.stop({ graceMs: 10 });
      expect(await depth()).toMatchObject({ ready: 1, unacked: 0 });

      const other = bed.app();
      other.task("stuck", { bind: true }, (ctx) => ctx.delivery.deliveries);
      await bed.worker(other);
      expect(await result.get(WAIT)).toBe(1); // not its fault
    });

    it("has consumed what the app declares, and not what it has merely sent to", async () => {
      const app = bed.app({ taskQueues: ["own"] });
      await app.sendTask("t", { queue: "elsewhere" });
      const worker = await bed.worker(app);
      expect([...worker.queues].sort()).toEqual(["celery", "own"]);
    });

    it("is fine before the start, and twice", async () => {
      const worker = await bed.worker(bed.app());
      await Promise.all([worker.stop(), worker.stop()]);
      await worker.stop();
      expect(worker.state).toBe("stopped");
    });
  });

  describe("sending", () => {
    it("refuses wrong arguments before anything is published", async () => {
      const app = bed.app();
      const typed = app.task("typed", { kwargs: z.object({ n: z.number() }) }, ({ n }) => n);
      await expect(typed.delay({ n: "1" } as never)).rejects.toBeInstanceOf(InvalidArgumentsError);
      await expect(app.sendTask("typed", { kwargs: {} })).rejects.toThrow('argument "n"');
      expect(await depth()).toSatisfy((found: { ready: number } | undefined) => (found?.ready ?? 0) === 0);
    });

    it("waits for ten thousand results through one watch", async () => {
      const app = bed.app();
      const watch = vi.spyOn(await app.resultBackend(), "watch");
      const double = app.task("double", (n: number) => n * 2);
      await bed.worker(app, { concurrency: 100 });
      const results = await app.sendBatch(Array.from({ length: 10_000 }, (_, n) => double.s(n)));
      const values = await Promise.all(results.map((result) => result.get({ timeoutMs: 60_000 })));
      expect(values).toEqual(Array.from({ length: 10_000 }, (_, n) => n * 2));
      expect(watch).toHaveBeenCalledTimes(1);
    }, 90_000);

    it("waits no longer once the app is closed", async () => {
      const app = bed.app();
      const waiting = (await app.sendTask("nobody")).get();
      const outcome = expect(waiting).rejects.toBeInstanceOf(ResultBackendUnavailableError);
      await eventually(() => app.resultWatcher());
      await app.close();
      await outcome;
    });

    it("declares a queue again that has expired meanwhile", async () => {
      const app = bed.app({ taskQueues: [{ name: "brief", expiresMs: 300 }] });
      await app.sendTask("t", { queue: "brief" });
      const broker = await app.broker();
      await eventually(async () => expect(await broker.inspect("brief")).toBeUndefined());
      await app.sendTask("t", { queue: "brief" });
      expect(await broker.inspect("brief")).toMatchObject({ ready: 1 });
    });

    it("gives up waiting when told to, by time and by signal", async () => {
      const app = bed.app();
      const result = await app.sendTask("nobody");
      await expect(result.get({ timeoutMs: 20 })).rejects.toBeInstanceOf(ResultTimeoutError);
      await expect(result.get({ signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
      const later = new AbortController();
      const waiting = result.get({ signal: later.signal });
      later.abort(new Error("changed my mind"));
      await expect(waiting).rejects.toThrow("changed my mind");
    });

    it("forgets a result", async () => {
      const app = bed.app();
      const add = app.task("add", (x: number, y: number) => x + y);
      await bed.worker(app);
      const result = await add.delay(1, 2);
      await result.get(WAIT);
      expect(await result.ready()).toBe(true);
      await result.forget();
      expect(await result.state()).toBe("PENDING");
    });
  });
});
