import { afterAll, beforeAll, expect, it } from "vitest";
import { BLOCKING_TASKS, unblock } from "../support/blocking-worker.ts";
import { openCliBed, type CliBed } from "../support/cli.ts";
import { eventually } from "../support/eventually.ts";
import { describeInEachPlace, Shop } from "../support/shop.ts";

const NODE = "w1@here";
const PATIENCE = { timeoutMs: 30_000 };

describeInEachPlace((place) => {
  let shop: Shop;
  let bed: CliBed;
  let taskId: string;
  beforeAll(async () => {
    shop = await Shop.open(place);
    // RabbitMQ takes a worker for gone that sends no heartbeats for two seconds.
    const url = shop.vhost === undefined ? shop.brokerUrl : `${shop.brokerUrl}?heartbeat=1`;
    bed = await openCliBed(BLOCKING_TASKS, url, shop.server.url);
    await bed.worker(["-n", NODE]);
    taskId = (await bed.producer.sendTask("test.block")).id;
    await eventually(async () => {
      const answers = await bed.producer.control.ask("liveness", {}, { destination: [NODE] });
      expect(answers.get(NODE)).toMatchObject({ state: "wedged", task: { id: taskId } });
    }, PATIENCE);
  });
  afterAll(async () => {
    await bed[Symbol.asyncDispose]();
    await shop[Symbol.asyncDispose]();
  });

  it("a worker whose event loop is blocked answers `celery status` and `celery inspect` in their usual second", async () => {
    expect(await shop.celery("status")).toMatch(/w1@here: OK[^]*1 node online/);
    const inspect = async (command: string): Promise<unknown> =>
      (JSON.parse(await shop.celery("inspect", command, "--json")) as Readonly<Record<string, unknown>>)[NODE];
    expect(await inspect("ping")).toEqual({ ok: "pong" });
    expect(await inspect("active")).toMatchObject([{ id: taskId, name: "test.block" }]);
    expect(await inspect("registered")).toEqual(["test.add", "test.block"]);
    expect(await inspect("stats")).toMatchObject({ total: {} });
  });

  it("`celery events` hears its heartbeats go on", async () => {
    const events = shop.celeryEvents();
    const heartbeats = (): number => events.lines.filter((line) => /w1@here.*heartbeat/.test(line)).length;
    await eventually(() => expect(heartbeats()).toBeGreaterThan(2), PATIENCE);
  });

  it("and what it was told meanwhile, it does when it is free", async () => {
    await shop.celery("control", "add_consumer", "more", "-d", NODE).catch(() => undefined); // nobody has answered
    const sent = await bed.producer.sendTask("test.add", { args: [1, 2], queue: "more" });
    await eventually(async () => {
      await unblock(bed); // again, where its task was given to it again
      expect(await sent.state()).toBe("SUCCESS");
    }, PATIENCE);
    expect(await sent.get(PATIENCE)).toBe(3);
  });
});
