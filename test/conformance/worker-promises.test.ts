import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Celeriac, ConfigError, Reject, type TaskContext, TaskFailedError, TaskRevokedError } from "celeriac";
import { retryNotesOf } from "../../src/app/retry-history.ts";
import { deferred } from "../../src/util/deferred.ts";
import { eventually } from "../support/eventually.ts";
import { openTestBed, TEST_BEDS, type TestBed } from "../support/test-apps.ts";

const WAIT = { timeoutMs: 10_000 };

describe.each(TEST_BEDS)("what a worker promises on %s", (bedName) => {
  let bed: TestBed;
  beforeEach(async () => {
    bed = await openTestBed(bedName);
  });
  afterEach(async () => {
    await bed[Symbol.asyncDispose]();
  });

  const depth = async (app: Celeriac) => (await app.broker()).inspect("celery");
  const deadLetters = async (app: Celeriac) => (await app.broker()).deadLetters();
  const whyIt = async (result: { get(options: typeof WAIT): Promise<unknown> }): Promise<unknown> =>
    result.get(WAIT).then(
      () => "ended well",
      (reason: unknown) => reason,
    );

  describe("a message that no worker comes to an end with", () => {
    it("is dead-lettered after three deliveries, with what happened at each, and its caller learns", async () => {
      const app = bed.app();
      let runs = 0;
      const poison = app.task("poison", () => {
        runs += 1;
        throw new Reject(`attempt ${String(runs)}`, { requeue: true });
      });
      await bed.worker(app);
      const error = await whyIt(await poison.delay());
      expect(error).toBeInstanceOf(TaskFailedError);
      expect(error).toMatchObject({ remoteType: "WorkerLostError" });
      expect(runs).toBe(3);
      await eventually(async () => expect(await deadLetters(app)).toHaveLength(1));
      const [letter] = await deadLetters(app);
      expect(letter).toMatchObject({ queue: "celery", reason: { code: "delivery-limit" } });
      expect(letter?.history.map(({ detail }) => detail)).toEqual(["attempt 1", "attempt 2", "attempt 3"]);
      expect(await depth(app)).toMatchObject({ ready: 0, unacked: 0 });
      const again = bed.log.filter(({ message }) => message === "task delivered again");
      expect(again.map(({ fields }) => fields["deliveries"])).toEqual([2, 3]);
    });

    it("goes on where the limit is another, or none", async () => {
      const app = bed.app({ workerMaxDeliveries: null });
      let runs = 0;
      const stubborn = app.task("stubborn", () => {
        runs += 1;
        if (runs < 6) throw new Reject("not yet", { requeue: true });
        return runs;
      });
      await bed.worker(app);
      expect(await (await stubborn.delay()).get(WAIT)).toBe(6);
    });

    it("does not come nearer to its end with workers that stop and hand it back", async () => {
      const app = bed.app();
      let runs = 0;
      const long = app.task("long", { bind: true }, async (context: TaskContext) => {
        runs += 1;
        if (runs <= 5) await aborted(context.signal);
        return context.delivery.deliveries;
      });
      const result = await long.delay();
      for (let stops = 1; stops <= 5; stops += 1) {
        const worker = await bed.worker(app);
        await eventually(() => expect(runs).toBe(stops));
        await worker.stop({ graceMs: 0 });
        expect(worker.unfinished).toBe(1);
      }
      await bed.worker(app);
      expect(await result.get(WAIT)).toBe(1);
      expect(await deadLetters(app)).toEqual([]);
    });
  });

  it("counts what it gives up when a task's doing has made it stop", async () => {
    const app = bed.app({ workerMaxDeliveries: 1 });
    const fatal = app.task("fatal", () => new Promise(() => undefined));
    const worker = await bed.worker(app);
    const result = await fatal.delay();
    await eventually(() => expect(worker.busy).toBe(1));
    await worker.stop({ graceMs: 0, fault: { code: "uncaught-exception", detail: "boom" } });
    await bed.worker(app);
    expect(await whyIt(result)).toMatchObject({ remoteType: "WorkerLostError" });
    await eventually(async () => expect(await deadLetters(app)).toHaveLength(1));
    const [letter] = await deadLetters(app);
    expect(letter?.history.map(({ code, detail }) => [code, detail])).toEqual([["uncaught-exception", "boom"]]);
  });

  describe("an early acknowledgement", () => {
    it("comes before the run, which is never repeated", async () => {
      const app = bed.app();
      const gate = deferred();
      let runs = 0;
      const once = app.task("once", { acksLate: false }, async () => {
        runs += 1;
        await gate.promise;
      });
      const worker = await bed.worker(app);
      const result = await once.delay();
      await eventually(() => expect(runs).toBe(1));
      expect(await depth(app)).toMatchObject({ ready: 0, unacked: 0 });
      await worker.stop({ graceMs: 0 });
      gate.resolve();
      await bed.worker(app);
      expect(await whyIt(result)).toMatchObject({ remoteType: "WorkerLostError" });
      expect(runs).toBe(1);
    });

    it("does not make a worker take more than it can run: others run what waits", async () => {
      const app = bed.app();
      const gate = deferred();
      const begun: number[] = [];
      const hold = app.task("hold", { acksLate: false }, async (index: number) => {
        begun.push(index);
        if (index === 0) await gate.promise;
      });
      const results = [await hold.delay(0), await hold.delay(1), await hold.delay(2)];
      await bed.worker(app, { concurrency: 1 });
      await eventually(() => expect(begun).toEqual([0]));
      expect(await depth(app)).toMatchObject({ ready: 2, unacked: 0 });
      await bed.worker(app, { concurrency: 1 });
      await results[2]?.get(WAIT);
      expect(begun).toEqual([0, 1, 2]);
      gate.resolve();
      await results[0]?.get(WAIT);
    });

    it("leaves retries as they are", async () => {
      const app = bed.app();
      const twice = app.task("twice", { acksLate: false, bind: true }, (context: TaskContext) => {
        if (context.retries === 0) throw context.retry({ delayMs: 0 });
        return context.retries;
      });
      await bed.worker(app);
      expect(await (await twice.delay()).get(WAIT)).toBe(1);
    });
  });

  describe("a failure", () => {
    it("is dead-lettered with its error and those of its retries where acksOnFailureOrTimeout is false, and runs again when replayed", async () => {
      const app = bed.app();
      let runs = 0;
      const shaky = app.task(
        "shaky",
        { acksOnFailureOrTimeout: false, autoretryFor: [RangeError], maxRetries: 2, retryDelayMs: 0 },
        () => {
          runs += 1;
          if (runs <= 3) throw new RangeError(`failure ${String(runs)}`);
          return "well";
        },
      );
      await bed.worker(app);
      const result = await shaky.delay();
      expect(await whyIt(result)).toMatchObject({ remoteType: "RangeError", remoteArgs: ["failure 3"] });
      await eventually(async () => expect(await deadLetters(app)).toHaveLength(1));
      const [letter] = await deadLetters(app);
      expect(letter?.reason).toEqual({ code: "failed", detail: "RangeError: failure 3" });
      expect(retryNotesOf(letter?.message.headers ?? {}).map(({ detail }) => detail)).toEqual([
        "RangeError: failure 1",
        "RangeError: failure 2",
      ]);
      expect(await (await app.broker()).replay({ ids: [letter?.id ?? ""] })).toBe(1);
      await eventually(async () => expect(await result.state()).toBe("SUCCESS"));
    });

    it("is final only after the app's own retries: nothing else learns of those before (S2-18)", async () => {
      const app = bed.app({ taskRetryPolicy: { autoretryFor: [RangeError], retryDelayMs: 0 } });
      let failed = 0;
      const told = app.task("told", () => {
        failed += 1;
      });
      let runs = 0;
      const flaky = app.task("flaky", () => {
        runs += 1;
        if (runs === 1) throw new RangeError("once");
        return runs;
      });
      await bed.worker(app);
      const result = await flaky.applyAsync({ linkError: told.si() });
      expect(await result.get(WAIT)).toBe(2);
      expect(failed).toBe(0);
    });

    it("is retried after the delay that it asks for", async () => {
      class Busy extends Error {
        readonly retryAfterMs = 30;
      }
      const app = bed.app({
        taskRetryPolicy: {
          autoretryFor: [Busy],
          retryDelayMs: 3_600_000,
          retryDelayFrom: (error) => (error instanceof Busy ? error.retryAfterMs : undefined),
        },
      });
      const polite = app.task("polite", { bind: true }, (context: TaskContext) => {
        if (context.retries === 0) throw new Busy();
        return "served";
      });
      await bed.worker(app);
      expect(await (await polite.delay()).get(WAIT)).toBe("served");
    });
  });

  describe("an unknown task", () => {
    it("is parked with one alarm, and runs as soon as a worker has it", async () => {
      const [old, producer] = [bed.app(), bed.app()];
      old.task("old", () => null);
      const oldWorker = await bed.worker(old);
      const results = [await producer.sendTask("new"), await producer.sendTask("new")];
      await eventually(async () => expect(await deadLetters(producer)).toHaveLength(2));
      expect(await results[0]?.state()).toBe("PENDING");
      const alarms = bed.log.filter(({ level, fields }) => level === "error" && fields["task"] === "new");
      expect(alarms).toHaveLength(1);

      await oldWorker.stop();
      const next = bed.app();
      next.task("new", () => "ran");
      await bed.worker(next);
      for (const result of results) expect(await result.get(WAIT)).toBe("ran");
      expect(await deadLetters(producer)).toEqual([]);
    });

    it("stays parked with a worker of other queues", async () => {
      const [old, other] = [bed.app(), bed.app()];
      old.task("old", () => null);
      const oldWorker = await bed.worker(old, { queues: ["celery"] });
      await bed.app().sendTask("new");
      await eventually(async () => expect(await deadLetters(old)).toHaveLength(1));
      await oldWorker.stop();
      other.task("new", () => "ran");
      const here = other.task("here", { queue: "other" }, () => "here");
      await bed.worker(other, { queues: ["other"] });
      expect(await (await here.delay()).get(WAIT)).toBe("here");
      expect(await deadLetters(old)).toHaveLength(1);
    });
  });

  describe("a revocation", () => {
    it("that terminates ends a run that is under way, and the task with it", async () => {
      const app = bed.app();
      let seen: AbortSignal | undefined;
      const endless = app.task("endless", { bind: true }, (context: TaskContext) => {
        seen = context.signal;
        return new Promise(() => undefined);
      });
      await bed.worker(app);
      const result = await endless.delay();
      await eventually(() => expect(seen).toBeDefined());
      await bed.app().revoke([result.id], { terminate: true });
      await eventually(() => expect(seen?.aborted).toBe(true));
      await eventually(async () => expect(await depth(app)).toMatchObject({ ready: 0, unacked: 0 }));
      expect(await whyIt(result)).toBeInstanceOf(TaskRevokedError);
      expect(((await result.meta())?.result as { exc_message: unknown }).exc_message).toEqual(["terminated"]);
    });

    it("that does not lets it end by itself", async () => {
      const app = bed.app();
      const gate = deferred<string>();
      let runs = 0;
      const waiting = app.task("waiting", () => {
        runs += 1;
        return gate.promise;
      });
      await bed.worker(app);
      const result = await waiting.delay();
      await eventually(() => expect(runs).toBe(1));
      await result.revoke();
      gate.resolve("done");
      await eventually(async () => expect(await result.state()).toBe("SUCCESS"));
    });
  });

  describe("unique calls", () => {
    it("are sent once while one waits, and again when it has ended", async () => {
      const app = bed.app();
      let runs = 0;
      const sync = app.task("sync", { unique: {} }, (item: number) => {
        runs += 1;
        return item;
      });
      const results = await Promise.all(Array.from({ length: 100 }, () => sync.delay(1)));
      expect(new Set(results.map(({ id }) => id)).size).toBe(1);
      const other = await sync.delay(2);
      expect(await depth(app)).toMatchObject({ ready: 2 });
      await bed.worker(app);
      expect(await results[7]?.get(WAIT)).toBe(1);
      expect(await other.get(WAIT)).toBe(2);
      await eventually(async () => expect(await depth(app)).toMatchObject({ unacked: 0 })); // a moment after the result
      const [again] = await app.sendBatch([sync.s(1)]);
      expect(again.id).not.toBe(results[0]?.id);
      expect(await again.get(WAIT)).toBe(1);
      expect(runs).toBe(3);
    });

    it("of a hundred rounds that find the same work with no worker up are one message for each item (S4-13)", async () => {
      const app = bed.app();
      const test = app.task("test", { unique: { key: ({ args: [item] }) => String(item) } }, (item: string) => item);
      for (let round = 0; round < 100; round += 1) await app.sendBatch(["a", "b", "c"].map((item) => test.s(item)));
      expect(await depth(app)).toMatchObject({ ready: 3 });
    });

    it("hold their key through retries until the end, or let it go at the start", async () => {
      const app = bed.app();
      const gate = deferred();
      const body = async (context: TaskContext): Promise<void> => {
        if (context.retries === 0) throw context.retry({ delayMs: 0 });
        await gate.promise;
      };
      const toEnd = app.task("toEnd", { bind: true, unique: { until: "end" } }, body);
      const toStart = app.task("toStart", { bind: true, unique: { until: "start" } }, body);
      await bed.worker(app);
      const [end, start] = [await toEnd.delay(), await toStart.delay()];
      await eventually(async () => {
        expect(await end.state()).toBe("RETRY");
        expect(await start.state()).toBe("RETRY");
        expect(await depth(app)).toMatchObject({ ready: 0, delayed: 0, unacked: 2 });
      });
      expect((await toEnd.delay()).id).toBe(end.id);
      expect((await toStart.delay()).id).not.toBe(start.id);
      gate.resolve();
      await end.get(WAIT);
      await start.get(WAIT);
      await eventually(async () => expect((await toEnd.delay()).id).not.toBe(end.id));
    });

    it("are retried though their key is another's by now, as after a replay", async () => {
      const app = bed.app();
      let runs = 0;
      const shaky = app.task("shaky", { bind: true, unique: {} }, (context: TaskContext) => {
        runs += 1;
        if (runs === 1) throw new Reject("not now");
        if (context.retries === 0) throw context.retry({ delayMs: 0 });
        return runs;
      });
      await bed.worker(app);
      const first = await shaky.delay();
      await eventually(async () => expect(await deadLetters(app)).toHaveLength(1));
      const second = await shaky.applyAsync({ countdownMs: 3_600_000 });
      expect(second.id).not.toBe(first.id);
      expect(await (await app.broker()).replay({})).toBe(1);
      await eventually(async () => expect(await first.state()).toBe("SUCCESS"));
      expect(await first.get(WAIT)).toBe(3);
    });

    it("are sent all the same where a chain goes on with them: others wait for what comes after", async () => {
      const app = bed.app();
      const first = app.task("first", () => 1);
      const step = app.task("step", { unique: { key: () => "only" } }, (value: number) => value + 1);
      const held = await step.applyAsync({ args: [10], countdownMs: 3_600_000 });
      await bed.worker(app);
      await first.applyAsync({ link: step.s(0).set({ taskId: "the step" }) });
      expect(await app.result("the step").get(WAIT)).toBe(2);
      expect(await held.state()).toBe("PENDING");
    });

    it("take the place of the one that waits where that is wanted", async () => {
      const app = bed.app();
      const report = app.task(
        "report",
        { unique: { key: () => "only", onDuplicate: "replace" } },
        (version: number) => version,
      );
      await report.delay(1);
      const second = await report.delay(2);
      expect(await depth(app)).toMatchObject({ ready: 1 });
      await bed.worker(app);
      expect(await second.get(WAIT)).toBe(2);
    });

    it("are held for a time, whatever becomes of the first", async () => {
      const app = bed.app();
      const mail = app.task("mail", { unique: { until: { forMs: 300 } } }, (to: string) => to);
      await bed.worker(app);
      const [first, second] = await app.sendBatch([mail.s("ann"), mail.s("ann")]);
      expect(second.id).toBe(first.id);
      expect(await first.get(WAIT)).toBe("ann");
      expect((await mail.delay("bob")).id).not.toBe(first.id);
      await eventually(async () => expect((await mail.delay("ann")).id).not.toBe(first.id));
    });

    it("give a key back that was claimed for a call which could not be sent", async () => {
      const app = bed.app();
      const mail = app.task("mail", { unique: { until: { forMs: 3_600_000 } } }, (to: string) => to);
      await expect(mail.applyAsync({ args: ["ann"], exchange: "nowhere" })).rejects.toThrow(/nowhere/);
      const first = await mail.delay("ann");
      expect((await mail.delay("ann")).id).toBe(first.id);
      expect(await depth(app)).toMatchObject({ ready: 1 });
    });
  });

  describe("concurrency keys", () => {
    it("keep calls of several tasks and workers from running at once, up to their limit", async () => {
      const [app, other] = [bed.app(), bed.app()];
      let running = 0;
      let most = 0;
      const body = async (): Promise<void> => {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setTimeout(resolve, 20));
        running -= 1;
      };
      for (const each of [app, other]) {
        each.task("read", { concurrency: { key: "disk", limit: 2 } }, body);
        each.task("write", { concurrency: { key: () => "disk", limit: 2 } }, body);
      }
      await bed.worker(app);
      await bed.worker(other);
      const calls = Array.from({ length: 6 }, (_, index) => (index % 2 === 0 ? "read" : "write"));
      const results = await Promise.all(calls.map((name) => app.sendTask(name)));
      for (const result of results) await result.get(WAIT);
      expect(most).toBe(2);
    });

    it("discard a call that finds its key taken, without a failure or a retry (S2-51)", async () => {
      const app = bed.app();
      const gate = deferred();
      let runs = 0;
      const import_ = app.task("import", { concurrency: { key: "entity 1", onBusy: "discard" } }, async () => {
        runs += 1;
        await gate.promise;
      });
      const delete_ = app.task("delete", { concurrency: { key: "entity 1", onBusy: "discard" } }, () => {
        runs += 1;
      });
      await bed.worker(app);
      const first = await import_.delay();
      await eventually(() => expect(runs).toBe(1));
      const second = await delete_.delay();
      expect(await whyIt(second)).toBeInstanceOf(TaskRevokedError);
      gate.resolve();
      await first.get(WAIT);
      expect(runs).toBe(1);
      await eventually(async () => expect(await whyIt(await delete_.delay())).toBe("ended well"));
    });

    it.each(["wait", "discard", "cancel-oldest"] as const)(
      "are no obstacle to a task's own next run (%s)",
      async (onBusy) => {
        const app = bed.app();
        const again = app.task("again", { bind: true, concurrency: { key: "own", onBusy } }, (context: TaskContext) => {
          if (context.retries < 3) throw context.retry({ delayMs: 0 });
          return context.retries;
        });
        await bed.worker(app, { concurrency: 4 });
        expect(await (await again.delay()).get(WAIT)).toBe(3);
      },
    );

    it("are free for the task whose run was killed with its worker", async () => {
      const app = bed.app();
      const keys = await app.keys();
      const build = app.task("build", { concurrency: { key: "branch", onBusy: "discard" } }, () => "built");
      const result = await build.applyAsync({ taskId: "killed" });
      const claim = { taskId: "killed", fence: 0, since: 0 };
      await keys?.claim("concurrency:0:branch", "a worker that was killed", 3_600_000, JSON.stringify(claim));
      await bed.worker(app);
      expect(await result.get(WAIT)).toBe("built");
    });

    it("end the one that runs longest where that is wanted, and then run", async () => {
      const app = bed.app();
      const build = app.task(
        "build",
        { bind: true, concurrency: { key: "branch", onBusy: "cancel-oldest" } },
        async (context: TaskContext, version: number) => {
          if (version === 1) await aborted(context.signal);
          return version;
        },
      );
      await bed.worker(app);
      const first = await build.delay(1);
      await eventually(async () => expect(await depth(app)).toMatchObject({ unacked: 1 }));
      const second = await build.delay(2);
      expect(await second.get(WAIT)).toBe(2);
      expect(await whyIt(first)).toBeInstanceOf(TaskRevokedError);
    });
  });

  it("gives every run of a task a greater fence, over deliveries and retries", async () => {
    const app = bed.app();
    const fences: number[] = [];
    const task = app.task("task", { bind: true }, (context: TaskContext) => {
      fences.push(context.fence);
      if (fences.length === 1) throw new Reject("again", { requeue: true });
      if (fences.length === 2) throw context.retry({ delayMs: 0 });
      if (fences.length === 3) throw new Reject("again", { requeue: true });
      return fences.length;
    });
    await bed.worker(app);
    expect(await (await task.delay()).get(WAIT)).toBe(4);
    expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b));
    expect(fences).toHaveLength(4);
  });

  it("tells of a task that is sent again under its old id, whatever became of it before", async () => {
    const app = bed.app();
    let runs = 0;
    const task = app.task("task", { bind: true }, (context: TaskContext) => {
      runs += 1;
      if (runs === 1) throw context.retry({ delayMs: 0 });
      throw new Error(`run ${String(runs)}`);
    });
    await bed.worker(app);
    const first = await task.applyAsync({ taskId: "again" });
    await expect(first.get(WAIT)).rejects.toThrow("run 2");
    await task.applyAsync({ taskId: "again" });
    await eventually(async () => expect((await first.meta())?.result).toMatchObject({ exc_message: ["run 3"] }));
  });

  it("runs more or fewer at once from when it is told to, while others run", async () => {
    const app = bed.app();
    const gate = deferred();
    let running = 0;
    const hold = app.task("hold", async () => {
      running += 1;
      await gate.promise;
      running -= 1;
    });
    const results = await app.sendBatch(Array.from({ length: 6 }, () => hold.s()));
    const worker = await bed.worker(app, { concurrency: 2 });
    await eventually(() => expect(running).toBe(2));
    worker.resize(5);
    await eventually(() => expect(running).toBe(5));
    worker.resize(1);
    expect(worker.concurrency).toBe(1);
    expect(() => worker.resize(0)).toThrow(RangeError);
    gate.resolve();
    for (const result of results) await result.get(WAIT);
  });

  it("does not start with a hazard that refuses, and tells of those that warn", async () => {
    const refused = bed.app({ brokerTransportOptions: { visibilityTimeout: 3600 }, taskTimeLimit: 3900 });
    await expect(bed.worker(refused)).rejects.toThrow(ConfigError);
    await expect(bed.worker(bed.app({ broker: "memory:" }), { pool: "threads" })).rejects.toThrow(/memory-apart/);
    await bed.worker(bed.app({ workerMaxDeliveries: null }));
    expect(bed.log.filter(({ message }) => message === "hazard").map(({ fields }) => fields["id"])).toEqual([
      "endless-redelivery",
    ]);
  });
});

function aborted(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => signal.addEventListener("abort", resolve));
}
