import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { describeInEachPlace, Shop } from "../support/shop.ts";

describeInEachPlace((place) => {
  let shop: Shop;

  beforeAll(async () => {
    shop = await Shop.open(place);
    await Promise.all([shop.pythonWorker({ queues: ["python"] }), shop.worker({ queues: ["typescript"] })]);
  });
  afterAll(() => shop[Symbol.asyncDispose]());

  describe("a retry", () => {
    it("of Python's is one task to us, with its error while it waits", async () => {
      const result = await shop.app.sendTask("python.flaky", { args: [1], kwargs: { countdown: 3 } });
      await eventually(async () => {
        expect(await result.meta()).toMatchObject({
          state: "RETRY",
          result: { exc_type: "OwnError", exc_module: "shop", exc_message: ["not yet"] },
        });
      });
      expect(await result.get({ timeoutMs: 10_000 })).toBe(1);
    });

    it("of ours is one task to Python, with its error while it waits", async () => {
      await shop.python(`(waiting := task("typescript.flaky").delay(1, 3000)).id`);
      await eventually(async () => {
        const seen = await shop.python(`[waiting.state, type(waiting.result).__name__, waiting.result.args]`);
        expect(seen).toEqual(["RETRY", "OwnError", ["not yet"]]);
      });
      expect(await shop.python(`waiting.get(timeout=10)`)).toBe(1);
    });

    it("that is one too many fails with the task's own error", async () => {
      const result = await shop.app.sendTask("python.flaky", { args: [9], kwargs: { countdown: 0 } });
      await expect(result.get({ timeoutMs: 10_000 })).rejects.toMatchObject({
        remoteType: "OwnError",
        remoteArgs: ["not yet"],
      });
      const ours = shop.python(`task("typescript.flaky").delay(9, 0).get(timeout=10)`);
      await expect(ours).rejects.toMatchObject({ type: "OwnError", args: ["not yet"] });
    });

    it("may change sides", async () => {
      const started = await shop.app.sendTask("both.wander", {
        args: ["typescript", "python", "typescript"],
        queue: "python",
      });
      expect(await started.get({ timeoutMs: 10_000 })).toEqual(["typescript", 3]);
      const theirs = `task("both.wander").apply_async(("python", "typescript", "python"), queue="typescript").get(timeout=10)`;
      expect(await shop.python(theirs)).toEqual(["python", 3]);
    });
  });

  describe("a revocation", () => {
    it("of ours is known to Python at once", async () => {
      const result = await shop.app.sendTask("typescript.add", { args: [1], countdownMs: 60_000 });
      await result.revoke();
      const seen = shop.python(`result("${result.id}").get(timeout=10)`);
      await expect(seen).rejects.toMatchObject({
        type: "TaskRevokedError",
        module: "celery.exceptions",
        args: ["revoked"],
      });
    });

    it("of ours that ends a run is known to Python", async () => {
      const id = String(await shop.python(`task("typescript.started").delay(30).id`));
      const running = shop.app.result(id);
      await eventually(async () => expect(await running.state()).toBe("PROGRESS"));
      await running.revoke({ terminate: true });
      await eventually(async () => {
        const seen = await shop.python(`[result("${id}").state, result("${id}").result.args]`);
        expect(seen).toEqual(["REVOKED", ["terminated"]]);
      });
    });

    it("of Python's is known to us", async () => {
      const id = String(await shop.python(`(revoked := task("python.add").apply_async((1,), countdown=1)).id`));
      await shop.python("revoked.revoke()");
      await expect(shop.app.result(id).get({ timeoutMs: 10_000 })).rejects.toMatchObject({ reason: "revoked" });
    });

    it("of Python's that ends a run is known to us", async () => {
      const id = String(await shop.python(`(terminated := task("python.started").delay(30)).id`));
      const running = shop.app.result(id);
      await eventually(async () => expect(await running.state()).toBe("STARTED"));
      await eventually(async () => {
        await shop.python("terminated.revoke(terminate=True)");
        expect(await running.meta()).toMatchObject({
          state: "REVOKED",
          result: { exc_message: ["terminated"] },
        });
      });
    });
  });
});
