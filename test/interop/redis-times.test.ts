import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Signature } from "../../src/canvas/signature.ts";
import { describeWithEachCelery, Shop } from "../support/shop.ts";

/** What is due after a second has begun by then, on a busy machine too; Python's own timers may be late by one. */
const SOON_SECONDS = 3;

describeWithEachCelery((peer) => {
  let shop: Shop;

  beforeAll(async () => {
    shop = await Shop.open({ peer });
    await Promise.all([shop.pythonWorker({ queues: ["python"] }), shop.worker({ queues: ["typescript"] })]);
  });
  afterAll(() => shop[Symbol.asyncDispose]());

  describe("a task of ours that Python sent", () => {
    it.each([
      ["a countdown", "countdown=1"],
      ["an eta", "eta=soon()"],
      ["an eta of another zone", "eta=soon(datetime.timezone(datetime.timedelta(hours=5.5)))"],
      ["an eta of no zone, which is UTC", "eta=soon().replace(tzinfo=None)"],
    ])("with %s starts when it is due", async (_, option) => {
      const sent = Date.now() / 1000;
      const started = await shop.python(`task("typescript.started").apply_async(${option}).get(timeout=10)`);
      expect(Number(started) - sent).toBeGreaterThan(1);
      expect(Number(started) - sent).toBeLessThan(SOON_SECONDS);
    });

    it("too late is REVOKED", async () => {
      const late = shop.python(`task("typescript.add").apply_async((1,), expires=-1).get(timeout=10)`);
      await expect(late).rejects.toMatchObject({
        type: "TaskRevokedError",
        module: "celery.exceptions",
        args: ["expired"],
      });
    });

    it("in time runs though it expires later", async () => {
      expect(await shop.python(`task("typescript.add").apply_async((1,), expires=60).get(timeout=10)`)).toBe(1);
    });
  });

  describe("a task of Python's that we sent", () => {
    it.each([
      ["a countdown", () => ({ countdownMs: 1000 })],
      ["an eta", () => ({ eta: new Date(Date.now() + 1000) })],
    ])("with %s starts when it is due", async (_, options) => {
      const sent = Date.now() / 1000;
      const started = await (await shop.app.sendTask<number>("python.started", options())).get({ timeoutMs: 10_000 });
      expect(started - sent).toBeGreaterThan(1);
      expect(started - sent).toBeLessThan(SOON_SECONDS);
    });

    it("too late is REVOKED", async () => {
      const late = await shop.app.sendTask("python.add", { args: [1], expires: new Date(Date.now() - 1000) });
      await expect(late.get({ timeoutMs: 10_000 })).rejects.toMatchObject({ reason: "expired" });
    });

    it("in time runs though it expires later", async () => {
      expect(await (await shop.app.sendTask("python.add", { args: [1], expires: 60_000 })).get()).toBe(1);
    });
  });

  describe("priorities that both gave, 0 first", () => {
    const GIVEN = [9, 6, 3, 0];

    it("order what a worker in Python runs", async () => {
      const ours = await shop.app.sendBatch(
        GIVEN.map(
          (priority) => new Signature<number>({ task: "python.started", options: { queue: "their later", priority } }),
        ),
      );
      const ids = (await shop.python(
        `[task("python.started").apply_async(queue="their later", priority=priority).id for priority in [9, 6, 3, 0]]`,
      )) as string[];
      await shop.pythonWorker({ queues: ["their later"], pool: "solo" });
      const results = [...ours, ...ids.map((id) => shop.app.result<number>(id))];
      const started = await Promise.all(
        results.map(async (result, index) => ({
          priority: GIVEN[index % 4],
          at: await result.get({ timeoutMs: 10_000 }),
        })),
      );
      started.sort((one, other) => one.at - other.at);
      expect(started.map(({ priority }) => priority)).toEqual([0, 0, 3, 3, 6, 6, 9, 9]);
    });

    it("order what a worker of ours runs", async () => {
      const ours = GIVEN.map(
        (priority) =>
          new Signature({
            task: "typescript.echo",
            args: [["ours", priority]],
            options: { queue: "our later", priority },
          }),
      );
      const sent = await shop.app.sendBatch(ours);
      const theirs = `[task("typescript.echo").apply_async((["theirs", p],), queue="our later", priority=p).id for p in [9, 6, 3, 0]]`;
      const ids = (await shop.python(theirs)) as string[];
      await shop.worker({ queues: ["our later"], concurrency: 1 });
      await Promise.all(
        [...sent, ...ids.map((id) => shop.app.result(id))].map((result) => result.get({ timeoutMs: 10_000 })),
      );
      expect(shop.received).toEqual(
        [0, 3, 6, 9].flatMap((priority) => [
          ["ours", priority],
          ["theirs", priority],
        ]),
      );
    });
  });

  it("a countdown of ours is kept where only Python workers live", async () => {
    await using alone = await Shop.open({ peer });
    await alone.pythonWorker({ queues: ["python"], pool: "solo" });
    const sent = Date.now() / 1000;
    const result = await alone.app.sendTask<number>("python.started", { countdownMs: 1000 });
    const started = await result.get({ timeoutMs: 10_000 });
    expect(started - sent).toBeGreaterThan(1);
    expect(started - sent).toBeLessThan(SOON_SECONDS);
  });
});
