import { afterAll, beforeAll, expect, it } from "vitest";
import { chain } from "../../src/canvas/chain.ts";
import type { Signature } from "../../src/canvas/signature.ts";
import { describeWithEachCeleryOnRabbitMq, Shop } from "../support/shop.ts";

describeWithEachCeleryOnRabbitMq((place) => {
  let shop: Shop;

  beforeAll(async () => {
    shop = await Shop.open({ ...place, results: "rpc" });
    await Promise.all([
      shop.pythonWorker({ queues: ["python"], pool: "solo" }),
      shop.worker({ queues: ["typescript"], hostname: "ts@test" }),
    ]);
  });

  afterAll(() => shop[Symbol.asyncDispose]());

  it("a worker of Python's answers our client", async () => {
    const { app } = shop;
    expect(await (await app.sendTask("python.add", { args: [2, 3] })).get({ timeoutMs: 20_000 })).toBe(5);
    const failing = await app.sendTask("python.fail", { args: ["ValueError"] });
    await expect(failing.get({ timeoutMs: 20_000 })).rejects.toMatchObject({ code: "CELERIAC_TASK_FAILED" });
    expect(await failing.state()).toBe("FAILURE");
  });

  it("our worker answers a client of Python's", async () => {
    expect(await shop.python(`task("typescript.add").apply_async((2, 3)).get(timeout=20)`)).toBe(5);
    const failing = shop.python(`task("typescript.fail").apply_async(("TypeError",)).get(timeout=20)`);
    await expect(failing).rejects.toMatchObject({ type: "TypeError", args: ["no such thing"] });
  });

  it("every step of a chain answers who started the chain, whoever sends it on", async () => {
    const steps = `chain(task("typescript.add").clone((1, 2)), task("python.add").clone((10,)), task("typescript.add").clone((100,)))`;
    expect(
      await shop.python(`(lambda end: [end.get(timeout=20), end.parent.get(timeout=20)])(${steps}.apply_async())`),
    ).toEqual([113, 13]);
    const { app } = shop;
    const step = (name: string, ...args: readonly number[]): Signature => app.signature(name, { args });
    const end = await app.send(chain(step("python.add", 1, 2), step("typescript.add", 10), step("python.add", 100)));
    expect(await end.get({ timeoutMs: 20_000 })).toBe(113);
  });

  it("a group's members answer who sent it", async () => {
    const members = `group(task("typescript.add").clone((n, n)) for n in range(5))`;
    expect(await shop.python(`${members}.apply_async().get(timeout=20)`)).toEqual([0, 2, 4, 6, 8]);
  });

  it("a task that ours sends from within asks for itself", async () => {
    const asked = await shop.app.sendTask("typescript.ask", { args: ["python.add", 20, 3] });
    expect(await asked.get({ timeoutMs: 20_000 })).toBe(23);
  });
});
