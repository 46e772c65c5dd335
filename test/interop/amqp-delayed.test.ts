import { connect, type Channel, type ChannelModel } from "amqplib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { NEWEST_CELERY, pythonOf } from "../support/python.ts";
import { SHARED_RABBITMQ } from "../support/rabbitmq-vhost.ts";
import { HAS_REDIS } from "../support/redis.ts";
import { Shop, type ShopQueue } from "../support/shop.ts";

/** Celery delays natively what goes to an exchange that is not direct, once one of its queues is a quorum queue. */
const QUEUES: readonly ShopQueue[] = ["python", "typescript"].map((name) => ({
  name,
  exchange: "shop",
  type: "topic",
  key: name,
}));
const PATIENCE = { timeoutMs: 30_000 };
/** In milliseconds: of two levels. */
const DELAY = 3_000;
const LEVELS = `${"0.".repeat(26)}1.1`;

describe.skipIf(pythonOf(NEWEST_CELERY) === "" || SHARED_RABBITMQ === "" || !HAS_REDIS).each([
  ["Python declares first", true],
  ["we declare first", false],
] as const)("delays that both halves leave to RabbitMQ, where %s", (_, isPythonFirst) => {
  let shop: Shop;
  /** Sees what comes into the highest level. */
  let spy: Channel;
  let connection: ChannelModel | undefined;
  const delayed = (): Promise<string> =>
    eventually(async () => {
      const message = await spy.get("spy", { noAck: true });
      if (message === false) throw new Error("nothing is delayed");
      return message.fields.routingKey;
    }, PATIENCE);

  beforeAll(async () => {
    const place = { peer: NEWEST_CELERY, broker: "rabbitmq" } as const;
    shop = await Shop.open({ ...place, queues: QUEUES, queueType: "quorum" });
    const python = (): Promise<unknown> => shop.pythonWorker({ queues: ["python"], pool: "solo" });
    const ours = async (): Promise<void> => {
      await shop.worker({ queues: ["typescript"] });
      // Whoever delays first declares what it takes.
      const first = await shop.app.sendTask("typescript.echo", { args: ["first"], countdownMs: 1 });
      await first.get(PATIENCE);
    };
    for (const start of isPythonFirst ? [python, ours] : [ours, python]) await start();
    connection = await connect(shop.brokerUrl);
    spy = await connection.createChannel();
    await spy.assertQueue("spy");
    await spy.bindQueue("spy", "celery_delayed_27", "#");
  });
  afterAll(async () => {
    await connection?.close();
    await shop[Symbol.asyncDispose]();
  });

  it("a countdown of Python's ends at our worker", async () => {
    const sent = Date.now();
    const task = shop.python(
      `task("typescript.started").apply_async(countdown=${DELAY / 1_000}, queue="typescript").get(timeout=30)`,
    );
    const [routingKey, started] = await Promise.all([delayed(), task]);
    expect(routingKey).toBe(`${LEVELS}.typescript`);
    expect(Number(started) * 1_000 - sent).toBeGreaterThan(DELAY - 50);
  });

  it("a countdown of ours ends at Python's worker", async () => {
    const sent = Date.now();
    const task = await shop.app.sendTask<number>("python.started", { countdownMs: DELAY, queue: "python" });
    expect(await delayed()).toBe(`${LEVELS}.python.celeriac`);
    expect((await task.get(PATIENCE)) * 1_000 - sent).toBeGreaterThan(DELAY - 50);
  });
});
