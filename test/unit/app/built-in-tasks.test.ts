import { describe, expect, it } from "vitest";
import { z } from "zod";
import { Celeriac, TaskDefinitionError } from "celeriac";
import { openTestApp } from "celeriac/testing";
import { builtInTasks } from "../../../src/app/built-in-tasks.ts";

function shop() {
  const app = new Celeriac({ taskRoutes: { "math.*": "math" } }, { env: {} });
  const ran: string[] = [];
  const double = app.task("math.double", { params: ["x"] }, (x: number) => {
    ran.push(`double ${String(x)}`);
    if (x < 0) throw new RangeError("negative");
    return x * 2;
  });
  const add = app.task("add", { args: z.tuple([z.number(), z.number()]), queue: "sums" }, async (x, y) =>
    Promise.resolve(x + y),
  );
  const who = app.task("who", { bind: true, params: ["x"] }, (ctx, x: number) => `${ctx.task} ${ctx.id} ${String(x)}`);
  return { app, ran, double, add, who };
}

describe("the tasks that every worker has", () => {
  it("map one task over a list, in one run, one item after the other", async () => {
    const { app, ran, double } = shop();
    await using test = openTestApp(app);
    const result = await double.map([1, 2, 3]).delay();
    expect((await test.drain()).map(({ task, state }) => `${task} ${state}`)).toEqual(["celery.map SUCCESS"]);
    expect(await result.get()).toEqual([2, 4, 6]);
    expect(ran).toEqual(["double 1", "double 2", "double 3"]);
  });

  it("map lists of arguments, checked as those of any call", async () => {
    const { app, add } = shop();
    await using test = openTestApp(app);
    const [sums, wrong] = [
      await add
        .starmap([
          [1, 2],
          [3, 4],
        ])
        .delay(),
      await add.starmap([[1, "2"] as never]).delay(),
    ];
    await test.drain({ mayFail: true });
    expect(await sums.get()).toEqual([3, 7]);
    await expect(wrong.get()).rejects.toThrow("add");
  });

  it("fail with the first item that fails, and begin no more", async () => {
    const { app, ran, double } = shop();
    await using test = openTestApp(app);
    const result = await double.map([1, -1, 2]).delay();
    await test.drain({ mayFail: true });
    await expect(result.get()).rejects.toThrow("negative");
    expect(ran).toEqual(["double 1", "double -1"]);
  });

  it("give a bound task the context of their own run", async () => {
    const { app, who } = shop();
    await using test = openTestApp(app);
    const result = await who.map([1, 2]).delay();
    await test.drain({ mayFail: true });
    expect(await result.get()).toEqual([`celery.map ${result.id} 1`, `celery.map ${result.id} 2`]);
  });

  it("go where the task goes that they map", async () => {
    const { app, double, add } = shop();
    await using test = openTestApp(app);
    await double.map([1]).delay();
    await add.starmap([[1, 2]]).delay();
    await add
      .starmap([[1, 2]])
      .set({ queue: "own" })
      .delay();
    expect(test.sent().map(({ queue }) => queue)).toEqual(["math", "sums", "own"]);
  });

  it.each([
    [
      "of a task that is not here",
      { task: { task: "elsewhere", args: [], kwargs: {}, options: {}, subtask_type: null, immutable: false }, it: [1] },
      "elsewhere",
    ],
    ["of what is no signature", { task: "add", it: [1] }, "the mapped task is not a signature"],
    [
      "of what is no list",
      { task: { task: "add", args: [], kwargs: {}, options: {}, subtask_type: null, immutable: false }, it: 7 },
      "it is none",
    ],
  ])("fail %s", async (_, kwargs, message) => {
    const { app } = shop();
    await using test = openTestApp(app);
    const result = await app.sendTask("celery.map", { kwargs });
    await test.drain({ mayFail: true });
    await expect(result.get()).rejects.toThrow(message);
  });

  it("send chunks as a group of starmaps, and give its result", async () => {
    const { app, add } = shop();
    const sent: unknown[] = [];
    const tasks = builtInTasks(app.tasks, (canvas) => {
      sent.push(canvas.toDict());
      return Promise.resolve("the group's result");
    });
    const chunks = tasks.find(({ name }) => name === "celery.chunks")?.body?.handler as (...args: unknown[]) => unknown;
    const lists = [
      [1, 2],
      [3, 4],
      [5, 6],
    ] as const;
    expect(await chunks(add.s().toDict(), lists, 2)).toBe("the group's result");
    expect(sent).toEqual([
      add
        .chunks(
          lists.map(([x, y]) => [x, y]),
          2,
        )
        .toDict(),
    ]);
    expect(() => chunks(add.s().toDict(), lists, 0)).toThrow("Chunks of add must have a size of at least 1, and not 0");
  });

  it("accumulate: give all of what they get, or one of it", async () => {
    const { app } = shop();
    await using test = openTestApp(app);
    const all = await app.sendTask("celery.accumulate", { args: [1, [2], 3] });
    const one = await app.sendTask("celery.accumulate", { args: [1, [2], 3], kwargs: { index: 1 } });
    const none = await app.sendTask("celery.accumulate", { args: [], kwargs: { index: 1, other: 2 } });
    await test.drain({ mayFail: true });
    expect(await all.get()).toEqual([1, [2], 3]);
    expect(await one.get()).toEqual([2]);
    await expect(none.get()).rejects.toThrow("index 1");
  });

  it("are not among the app's own, which may take their names", async () => {
    const { app } = shop();
    expect(app.tasks.runnable()).toEqual(["add", "math.double", "who"]);
    expect(app.tasks.builtIns()).toEqual([
      "celeriac.stored",
      "celery.accumulate",
      "celery.chunks",
      "celery.map",
      "celery.starmap",
    ]);
    app.task("celery.map", () => "own");
    await using test = openTestApp(app);
    const result = await app.sendTask("celery.map");
    await test.drain({ mayFail: true });
    expect(await result.get()).toBe("own");
    expect(() => app.task("celery.map", () => "again")).toThrow(TaskDefinitionError);
  });
});

describe("stamps", () => {
  it("cross the wire, are kept by retries and follow-ups' own, and stand in extended results", async () => {
    const { app } = shop();
    const seen: unknown[] = [];
    const flaky = app.task("flaky", { bind: true }, (ctx) => {
      seen.push(ctx.request.stamps);
      if (ctx.retries === 0) throw ctx.retry({ delayMs: 0 });
    });
    const after = app.task("after", { bind: true }, (ctx) => void seen.push(ctx.request.stamps));
    await using test = openTestApp(app, { config: { resultExtended: true } });
    const result = await flaky
      .s()
      .stamp({ run: 7 })
      .link(after.si().stamp({ tail: [1] }))
      .delay();
    await test.drain({ mayFail: true });
    expect(seen).toEqual([{ run: 7 }, { run: 7 }, { tail: [1] }]);
    expect((await result.meta())?.extended?.stamps).toEqual({ run: 7 });
  });

  it("are what calls are revoked by", async () => {
    const { app, ran, double } = shop();
    await using test = openTestApp(app);
    const stamped = await double
      .s(1)
      .stamp({ run: ["a", "b"] })
      .delay();
    await double.s(2).stamp({ run: "c" }).delay();
    await double.applyAsync({ args: [3], stamps: { run: "b" } });
    await app.revokeByStampedHeaders({ run: "b" });
    await test.drain({ mayFail: true });
    expect(ran).toEqual(["double 2"]);
    expect(await stamped.state()).toBe("REVOKED");
  });
});
