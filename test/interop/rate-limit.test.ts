import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { describeInEachPlace, Shop } from "../support/shop.ts";

const OURS = "ours@here";

describeInEachPlace((place) => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await Shop.open({ ...place, config: { taskDefaultRateLimit: "5/m" } });
    await shop.pythonWorker({ queues: ["python"] });
    await shop.worker({ queues: ["typescript"], hostname: OURS, concurrency: 2 });
    await eventually(async () => expect((await shop.app.control.ask("ping", {}, { limit: 2 })).size).toBe(2));
  });
  afterAll(() => shop[Symbol.asyncDispose]());

  /** The answers to the real `celery control rate_limit`, by node. */
  const limit = async (...words: readonly string[]): Promise<Readonly<Record<string, unknown>>> => {
    const replies = JSON.parse(await shop.celery("control", "rate_limit", ...words, "--json")) as readonly object[];
    return Object.assign({}, ...replies) as Readonly<Record<string, unknown>>;
  };
  const registered = async (): Promise<unknown> =>
    (await shop.app.control.ask("registered", {}, { destination: [OURS], timeoutMs: 5_000 })).get(OURS);

  it("`celery control rate_limit` steers what waits for its turn with ours", async () => {
    const before = shop.received.length;
    const calls = Array.from({ length: 3 }, (_, index) => shop.app.sendTask("typescript.echo", { args: [index] }));
    const results = await Promise.all(calls);
    await eventually(() => expect(shop.received.length).toBe(before + 1));
    expect(await registered()).toContain("typescript.echo [rate_limit=5/m]");
    expect(await limit("typescript.echo", "600/m", "-d", OURS)).toEqual({
      [OURS]: { ok: "new rate limit set successfully" },
    });
    expect(await registered()).toContain("typescript.echo [rate_limit=600/m]");
    for (const result of results) await result.get({ timeoutMs: 30_000 });
  }, 60_000);

  it.each([
    ["both.where", "10/s"],
    ["both.where", "0"],
    ["nosuch", "10/s"],
  ])("ours answers `rate_limit %s %s` as Python's does", async (task, rate) => {
    const { [OURS]: ours, ...theirs } = await limit(task, rate);
    expect(Object.values(theirs)).toEqual([ours]);
  });

  it("both refuse what is no limit, in the same words", async () => {
    const answers = Object.values(await limit("both.where", "often"));
    expect(answers).toHaveLength(2);
    for (const answer of answers)
      expect(answer).toEqual({ error: expect.stringMatching(/^Invalid rate limit string: .*often/) as unknown });
  });
});
