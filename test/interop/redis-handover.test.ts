import { expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { describeWithEachCelery, Shop } from "../support/shop.ts";

describeWithEachCelery((peer) => {
  it("what a worker of ours gives back when it stops, a worker of Python's runs", async () => {
    await using shop = await Shop.open({ peer });
    const worker = await shop.worker({ queues: ["both"] });
    const held = await shop.app.sendTask("both.hold", { queue: "both", priority: 3, countdownMs: 10 });
    await eventually(async () => expect(await held.state()).toBe("PROGRESS"));
    await worker.stop({ graceMs: 0 });
    expect(await shop.python(`waiting("both")`)).toEqual([1]);
    await shop.pythonWorker({ queues: ["both"], pool: "solo" });
    expect(await held.get({ timeoutMs: 10_000 })).toBe("python");
  });

  it("what a worker of Python's gives back when it stops, a worker of ours runs", async () => {
    await using shop = await Shop.open({ peer });
    const python = await shop.pythonWorker({ queues: ["both"], pool: "solo" });
    // Celery's workers hold what is not due yet in their memory.
    const ids = (await shop.python(
      `[task("both.where").apply_async(queue="both", countdown=2, priority=p).id for p in (0, 9)]`,
    )) as string[];
    await eventually(async () => expect(await shop.python(`waiting("both")`)).toEqual([0]));
    await python[Symbol.asyncDispose]();
    await shop.worker({ queues: ["both"] });
    const results = ids.map((id) => shop.app.result(id).get({ timeoutMs: 10_000 }));
    expect(await Promise.all(results)).toEqual(["typescript", "typescript"]);
  });
});
