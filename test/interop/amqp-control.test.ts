import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { describeWithEachCeleryOnRabbitMq, Shop } from "../support/shop.ts";

const OURS = "ours@test";
const PYTHONS = "python@test";
const BOTH = [OURS, PYTHONS] as const;

describeWithEachCeleryOnRabbitMq((place) => {
  let shop: Shop;

  beforeAll(async () => {
    shop = await Shop.open({ ...place, results: "rpc", config: { workerSendTaskEvents: true } });
    await Promise.all([
      shop.pythonWorker({ queues: ["python"], pool: "solo", events: true }),
      shop.worker({ queues: ["typescript"], hostname: OURS }),
    ]);
  });

  afterAll(() => shop[Symbol.asyncDispose]());

  it("`celery inspect` and `celery control` reach our worker as Python's", async () => {
    const inspected = async (...words: readonly string[]): Promise<Record<string, unknown>> => {
      const printed = await shop.celery("inspect", ...words, "--timeout", "5", "--json");
      return JSON.parse(printed) as Record<string, unknown>;
    };
    expect(await inspected("ping")).toEqual({ [OURS]: { ok: "pong" }, [PYTHONS]: { ok: "pong" } });
    expect(await inspected("active")).toEqual({ [OURS]: [], [PYTHONS]: [] });
    const registered = await inspected("registered", "-d", OURS);
    expect(registered).toEqual({ [OURS]: expect.arrayContaining(["typescript.add"]) as unknown });
    const control = ["control", "--timeout", "5", "-d", OURS, "--json"];
    const limited = await shop.celery(...control, "rate_limit", "typescript.add", "1000/s");
    expect(JSON.parse(limited)).toEqual([{ [OURS]: { ok: "new rate limit set successfully" } }]);
  });

  it("our client asks and commands both", async () => {
    const { control } = shop.app;
    const options = { timeoutMs: 5_000, limit: 2 };
    const pongs = await control.ask("ping", {}, options);
    expect(new Map([...pongs].sort())).toEqual(new Map(BOTH.map((node) => [node, { ok: "pong" }])));
    const active = await control.ask("active", {}, options);
    expect([...active.keys()].sort()).toEqual(BOTH);
    const added = await control.ask("add_consumer", { queue: "more" }, options);
    for (const node of BOTH) expect(added.get(node)).toEqual({ ok: "add consumer more" });
  });

  it("each half's monitors hear of the other half's tasks", async () => {
    await using events = await shop.app.events();
    const heard: string[] = [];
    const listening = (async () => {
      for await (const { type, hostname } of events) heard.push(`${hostname} ${type}`);
    })();
    const dump = shop.celeryEvents();
    await eventually(() => expect(dump.lines.join("\n")).toContain(`${OURS} [`), { timeoutMs: 20_000 });
    const { id } = await shop.app.sendTask("typescript.add", { args: [1] });
    await shop.app.sendTask("python.add", { args: [1] });
    const printed = (): string => dump.lines.filter((line) => line.includes(id)).join("\n");
    await eventually(() => expect(printed()).toMatch(/ours@test .*task succeeded: /), { timeoutMs: 15_000 });
    await eventually(() => expect(heard).toContain(`${PYTHONS} task-succeeded`), { timeoutMs: 15_000 });
    expect(heard).toContain(`${OURS} task-succeeded`);
    await events[Symbol.asyncDispose]();
    await listening;
  });
});
