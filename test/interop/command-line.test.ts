import { afterAll, beforeAll, expect, it } from "vitest";
import { Signature } from "../../src/canvas/signature.ts";
import { describeInEachPlace, Shop } from "../support/shop.ts";

describeInEachPlace((place) => {
  let shop: Shop;

  beforeAll(async () => {
    shop = await Shop.open(place);
    await shop.worker({ queues: ["typescript"] });
  });
  afterAll(() => shop[Symbol.asyncDispose]());

  it("`celery call` calls a task of ours, and `celery result` prints what became of it", async () => {
    const id = await shop.celery("call", "typescript.add", "--args", "[1]", "--kwargs", '{"y": 2}');
    expect(await shop.app.result(id).get({ timeoutMs: 10_000 })).toBe(3);
    expect(await shop.celery("result", id)).toBe("3");
  });

  it("`celery call` takes the options of a call along", async () => {
    const options = ["--countdown", "0.2", "--expires", "60", "--queue", "typescript"];
    const id = await shop.celery("call", "typescript.request", ...options);
    expect(await shop.app.result(id).get({ timeoutMs: 10_000 })).toMatchObject({ id, queue: "typescript" });
  });

  it("`celery result --traceback` shows where a task of ours failed", async () => {
    const failed = await shop.app.sendTask("typescript.fail", { args: ["TypeError"] });
    await expect(failed.get()).rejects.toThrow("no such thing");
    expect(await shop.celery("result", "--traceback", failed.id)).toMatch(
      /TypeError: no such thing\s.*shop-tasks\.ts/s,
    );
  });

  it("`celery purge` empties a queue of ours, of every priority, and says how many there were", async () => {
    const calls = [0, 3, 6, 9].map(
      (priority) => new Signature({ task: "typescript.delegate", options: { queue: "purged", priority } }),
    );
    await shop.app.sendBatch(calls);
    expect(await shop.celery("purge", "-f", "-Q", "purged")).toContain("Purged 4 messages from 1 known task queue.");
    expect(await (await shop.app.broker()).purge("purged")).toBe(0);
  });

  it("our purge empties a queue of Python's, of every priority, and says how many there were", async () => {
    await shop.python(`[task("python.add").apply_async((1,), priority=priority).id for priority in (0, 3, 6, 9)]`);
    expect(await (await shop.app.broker()).purge("python")).toBe(4);
    expect(await shop.python(`waiting("python")`)).toEqual([0]);
  });
});
