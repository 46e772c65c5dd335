import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UnroutableError } from "../../src/broker/errors.ts";
import { DEBIAN_CELERY } from "../support/python.ts";
import { describeInEachPlace, Shop, type ShopQueue } from "../support/shop.ts";

const QUEUES: readonly ShopQueue[] = [
  { name: "orders", exchange: "shop", type: "topic", key: "order.#" },
  { name: "paid", exchange: "shop", type: "topic", key: "*.paid" },
  { name: "letters", exchange: "post", type: "direct", key: "letter" },
  { name: "copies", exchange: "post", type: "direct", key: "letter" },
];

/** How Python's callers name an exchange that is not direct: by one of its queues. Kombu takes every other that it has not declared for a direct one. */
const IN_PYTHON: Readonly<Record<string, string>> = { shop: 'queue="orders"', post: 'exchange="post"' };

describeInEachPlace((place) => {
  describe("exchanges that both declare", () => {
    let shop: Shop;

    beforeAll(async () => {
      shop = await Shop.open({ ...place, queues: QUEUES });
    });
    afterAll(() => shop[Symbol.asyncDispose]());

    const SENDERS: readonly (readonly [who: string, send: (exchange: string, key: string) => Promise<unknown>])[] = [
      [
        "Python",
        (exchange, key) =>
          shop.python(`task("both.where").apply_async(${IN_PYTHON[exchange] ?? ""}, routing_key="${key}").id`),
      ],
      ["us", (exchange, routingKey) => shop.app.sendTask("both.where", { exchange, routingKey })],
      [
        "one of ours that declares nothing",
        async (exchange, routingKey) => {
          await using app = shop.otherApp();
          await app.sendTask("both.where", { exchange, routingKey });
        },
      ],
    ];

    describe.each(SENDERS)("by %s", (_, send) => {
      it.each([
        ["shop", "order.new.abroad", [1, 0, 0, 0]],
        ["shop", "invoice.paid", [0, 1, 0, 0]],
        ["shop", "order.paid", [1, 1, 0, 0]],
        ["post", "letter", [0, 0, 1, 1]],
      ])("%s gets %s to each queue that it is bound to", async (exchange, key, counts) => {
        const broker = await shop.app.broker();
        await broker.declare(shop.app.queues.topologyOf(shop.app.queues.declared));
        for (const { name } of QUEUES) await broker.purge(name);
        await send(exchange, key);
        expect(await shop.python(`waiting("orders", "paid", "letters", "copies")`)).toEqual(counts);
      });
    });

    it("refuse what Python would drop: a message that no queue gets", async () => {
      const lost = shop.app.sendTask("both.where", { exchange: "shop", routingKey: "nobody" });
      await expect(lost).rejects.toBeInstanceOf(UnroutableError);
    });

    it("are consumed on either side", async () => {
      await Promise.all([shop.pythonWorker({ queues: ["paid"], pool: "solo" }), shop.worker({ queues: ["orders"] })]);
      const theirs = `task("both.where").apply_async(queue="orders", routing_key="order.new").get(timeout=10)`;
      expect(await shop.python(theirs)).toBe("typescript");
      const ours = await shop.app.sendTask("both.where", { exchange: "shop", routingKey: "invoice.paid" });
      expect(await ours.get()).toBe("python");
    });

    it("take a retry back to the queue that it came from alone", async () => {
      const wandering = await shop.app.sendTask("python.flaky", {
        args: [1],
        kwargs: { countdown: 0 },
        exchange: "shop",
        routingKey: "invoice.paid",
      });
      expect(await wandering.get({ timeoutMs: 10_000 })).toBe(1);
      const theirs = `task("typescript.flaky").apply_async((1, 0), queue="orders", routing_key="order.new").get(timeout=10)`;
      expect(await shop.python(theirs)).toBe(1);
    });
  });

  it.skipIf(place.broker === "rabbitmq")("with a prefix for all keys, both meet below it", async () => {
    // Celery has prefixed its results since 5.3.
    const resultKeyprefix = place.peer === DEBIAN_CELERY ? "" : "eu";
    await using shop = await Shop.open({
      ...place,
      globalKeyprefix: "eu:",
      resultKeyprefix,
      settings: {
        broker_transport_options: { global_keyprefix: "eu:" },
        result_backend_transport_options: { global_keyprefix: "eu" },
      },
    });
    await Promise.all([
      shop.pythonWorker({ queues: ["python"], pool: "solo" }),
      shop.worker({ queues: ["typescript"] }),
    ]);
    expect(await shop.python(`task("typescript.add").delay(1, 2).get(timeout=10)`)).toBe(3);
    expect(await (await shop.app.sendTask("python.add", { args: [1, 2] })).get()).toBe(3);
    const delayed = await shop.app.sendTask("python.add", { args: [1, 2], countdownMs: 100, priority: 9 });
    expect(await delayed.get({ timeoutMs: 10_000 })).toBe(3);
    expect(await shop.python(`task("typescript.flaky").apply_async((1, 100), priority=9).get(timeout=10)`)).toBe(1);
    const keys = (await shop.python(`[key.decode() for key in app.backend.client.keys("*")]`)) as string[];
    const isResult = (key: string): boolean => /^(celery-task-meta-|celeriac:fence:)/.test(key);
    expect(keys.filter((key) => !key.startsWith("eu") && !(resultKeyprefix === "" && isResult(key)))).toEqual([]);
  });
});
