import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { DEBIAN_CELERY } from "../support/python.ts";
import { describeInEachPlace, Shop } from "../support/shop.ts";

describeInEachPlace((place) => {
  let shop: Shop;

  beforeAll(async () => {
    shop = await Shop.open(place);
    await Promise.all([shop.pythonWorker({ queues: ["python"] }), shop.worker({ queues: ["typescript"] })]);
  });
  afterAll(() => shop[Symbol.asyncDispose]());

  describe("what a task in Python raises is a TaskFailedError here", () => {
    it.each([
      ["ValueError", { remoteType: "ValueError", remoteModule: "builtins", remoteArgs: ["no", 1, null] }],
      ["KeyError", { remoteType: "KeyError", remoteModule: "builtins", remoteArgs: ["ünïcode"] }],
      ["OwnError", { remoteType: "OwnError", remoteModule: "shop", remoteArgs: ["mine", { a: [1] }] }],
      ["empty", { remoteType: "RuntimeError", remoteModule: "builtins", remoteArgs: [] }],
    ])("%s", async (kind, seen) => {
      const result = await shop.app.sendTask("python.fail", { args: [kind] });
      const traceback = expect.stringContaining("shop.py") as string;
      await expect(result.get()).rejects.toMatchObject({ name: "TaskFailedError", ...seen, traceback });
    });

    it.each([
      ["arguments that do not fit", "python.add", { args: [1, 2, 3] }, "TypeError", "builtins"],
      ["a task that it does not know", "python.nothing", {}, "NotRegistered", "celery.exceptions"],
      ["a soft time limit", "python.slow", {}, "SoftTimeLimitExceeded", "billiard.exceptions"],
      [
        "a hard time limit",
        "python.started",
        { args: [30], timeLimitMs: 1000 },
        "TimeLimitExceeded",
        "billiard.exceptions",
      ],
      ["a process that died", "python.die", {}, "WorkerLostError", "billiard.exceptions"],
    ])("%s", async (_, task, call, remoteType, remoteModule) => {
      const result = await shop.app.sendTask(task, call);
      await expect(result.get({ timeoutMs: 20_000 })).rejects.toMatchObject({ remoteType, remoteModule });
    });
  });

  describe("what a task of ours throws is raised in Python", () => {
    it.each([
      ["TypeError", { type: "TypeError", module: "builtins", args: ["no such thing"] }],
      ["ValueError", { type: "ValueError", module: "builtins", args: ["too far"] }],
      ["OwnError", { type: "OwnError", module: "celery.exceptions", args: ["mine"] }],
      ["text", { type: "Error", module: "celery.exceptions", args: ["just text"] }],
      ["empty", { type: "RangeError", module: "celery.exceptions", args: [] }],
    ])("%s", async (kind, raised) => {
      await expect(
        shop.python(`(failed := task("typescript.fail").delay("${kind}")).get(timeout=10)`),
      ).rejects.toMatchObject(raised);
      if (kind !== "text") expect(await shop.python("failed.traceback")).toContain("shop-tasks.ts");
    });

    it.each([
      ["arguments that do not fit", `task("typescript.add").delay(z=1)`, "TypeError", "builtins"],
      ["a soft time limit", `task("typescript.slow").delay()`, "SoftTimeLimitExceeded", "billiard.exceptions"],
      [
        "a hard time limit",
        `task("typescript.started").apply_async((30,), time_limit=0.2)`,
        "TimeLimitExceeded",
        "billiard.exceptions",
      ],
    ])("%s", async (_, call, type, module) => {
      await expect(shop.python(`${call}.get(timeout=10)`)).rejects.toMatchObject({ type, module });
    });
  });

  it("what Python raised comes back to Python through a task of ours as the same class", async () => {
    const asked = shop.python(`(asked := task("typescript.ask").delay("python.fail", "OwnError")).get(timeout=10)`);
    await expect(asked).rejects.toMatchObject({ type: "OwnError", module: "shop", args: ["mine", { a: [1] }] });
    expect(await shop.python("isinstance(asked.result, shop.OwnError)")).toBe(true);
  });

  describe("a task that ends without a result", () => {
    it("by Ignore keeps what it had told before, on either side", async () => {
      const theirs = await shop.app.sendTask("python.ignore");
      await shop.python(`(ignored := task("typescript.ignore").delay()).id`);
      await eventually(async () => {
        expect(await theirs.meta()).toMatchObject({ state: "SEEN", result: "here" });
        expect(await shop.python("[ignored.state, ignored.result]")).toEqual(["PROGRESS", "here"]);
      });
      await shop.settled();
      expect(await theirs.state()).toBe("SEEN");
      expect(await shop.python("ignored.state")).toBe("PROGRESS");
    });

    it("by Reject of Python's is what Python makes of it", async () => {
      const result = await shop.app.sendTask("python.reject");
      await eventually(async () =>
        expect(await result.state()).toBe(place.peer === DEBIAN_CELERY ? "SEEN" : "FAILURE"),
      );
      await shop.settled();
      expect(await result.state()).toBe(place.peer === DEBIAN_CELERY ? "SEEN" : "FAILURE");
    });

    it.each([
      ["by Reject of ours", `task("typescript.reject").delay()`, "rejected", "FAILURE"],
      ["for want of a worker that knows it", `task("typescript.nothing").delay()`, "unknown-task"],
      [
        "for a compression that is not known here",
        `task("typescript.add").apply_async((1,), compression="bzip2")`,
        "unreadable",
      ],
      [
        "for a serializer that is not accepted here",
        `task("typescript.add").apply_async((1,), serializer="pickle")`,
        "unreadable",
      ],
    ])(
      "%s is among the dead letters, and only a rejected one has ended for Python",
      async (_, call, code, state = "PENDING") => {
        const id = await shop.python(`(dead := ${call}).id`);
        await eventually(async () => {
          const letters = await (await shop.app.broker()).deadLetters({ queue: "typescript", code });
          expect(letters.map(({ message }) => message.properties.correlationId)).toContain(id);
        });
        expect(await shop.python("dead.state")).toBe(state);
      },
    );
  });
});
