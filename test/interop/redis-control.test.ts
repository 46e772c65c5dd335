import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { describeWithEachCelery, Shop } from "../support/shop.ts";

const OURS = "ours@here";
const PYTHONS = "python@test";

describeWithEachCelery((peer) => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await Shop.open({ peer });
    await shop.pythonWorker({ queues: ["python"] });
    await shop.worker({ queues: ["typescript"], hostname: OURS, concurrency: 2 });
    // Both hear.
    await eventually(async () => expect((await shop.app.control.ask("ping", {}, { limit: 2 })).size).toBe(2));
  });
  afterAll(() => shop[Symbol.asyncDispose]());

  /** What the real command line prints as JSON, of one command. */
  const celery = async (...args: readonly string[]): Promise<Readonly<Record<string, unknown>>> =>
    JSON.parse(await shop.celery(...args, "--json")) as Readonly<Record<string, unknown>>;

  it("one broadcast is answered by both kinds of worker, to us and to `celery status`", async () => {
    const answers = await shop.app.control.ask("ping", {}, { limit: 2 });
    expect(Object.fromEntries(answers)).toEqual({ [OURS]: { ok: "pong" }, [PYTHONS]: { ok: "pong" } });
    expect(await shop.celery("status")).toMatch(/ours@here: OK[^]*2 nodes online/);
  });

  it.each(["stats", "active_queues", "active", "reserved", "scheduled", "registered", "revoked", "conf", "clock"])(
    "`celery inspect %s` gets from ours what Python's gives, field for field",
    async (command) => {
      const { [OURS]: ours, [PYTHONS]: theirs } = await celery("inspect", command, "-t", "1");
      expect(kindOf(ours)).toBe(kindOf(theirs));
      for (const answer of [ours, theirs]) expect(answer).not.toHaveProperty("error");
      if (command === "stats")
        expect(Object.keys(ours as object)).toEqual(expect.arrayContaining(Object.keys(theirs as object)));
      if (command === "active_queues") {
        const [[queue], [theirQueue]] = [ours, theirs] as readonly [readonly object[], readonly object[]];
        expect(Object.keys(queue as object)).toEqual(expect.arrayContaining(Object.keys(theirQueue as object)));
      }
    },
  );

  it("`celery inspect active` shows our running task with every field that Python's has", async () => {
    const [ours, theirs] = [
      await shop.app.sendTask("typescript.started", { args: [6] }),
      await shop.app.sendTask("python.started", { args: [6] }),
    ];
    const shown = await eventually(async () => {
      const found = (await celery("inspect", "active", "-t", "1")) as Readonly<Record<string, readonly object[]>>;
      expect(found[PYTHONS]).toHaveLength(1);
      expect(found[OURS]).toMatchObject([{ id: ours.id, name: "typescript.started" }]);
      return found;
    });
    expect(await celery("inspect", "query_task", ours.id, "-d", OURS)).toMatchObject({
      [OURS]: { [ours.id]: ["active", { name: "typescript.started" }] },
    });
    const [[running], [expected]] = [shown[OURS] ?? [], shown[PYTHONS] ?? []];
    expect(Object.keys(running ?? {})).toEqual(expect.arrayContaining(Object.keys(expected ?? {})));
    await Promise.all([ours.get({ timeoutMs: 20_000 }), theirs.get({ timeoutMs: 20_000 })]);
  });

  it("`celery control` steers ours: queues, pool, events, revocations", async () => {
    const control = async (...args: readonly string[]): Promise<unknown> => {
      const replies = await celery("control", ...args, "-d", OURS);
      return (replies as unknown as readonly [Readonly<Record<string, unknown>>])[0][OURS];
    };
    expect(await control("add_consumer", "more")).toEqual({ ok: "add consumer more" });
    const sent = await shop.app.sendTask("typescript.add", { args: [1, 2], queue: "more" });
    expect(await sent.get({ timeoutMs: 10_000 })).toBe(3);
    expect(await control("cancel_consumer", "more")).toEqual({ ok: "no longer consuming from more" });
    expect(await control("pool_grow", "2")).toEqual({ ok: "pool will grow" });
    expect(await control("pool_shrink", "2")).toEqual({ ok: "pool will shrink" });
    expect(await control("enable_events")).toEqual({ ok: "task events enabled" });
    expect(await control("enable_events")).toEqual({ ok: "task events already enabled" });
    expect(await control("disable_events")).toEqual({ ok: "task events disabled" });
    const later = await shop.app.sendTask("typescript.add", { args: [1, 2], countdownMs: 60_000 });
    expect(await control("revoke", later.id)).toEqual({ ok: `tasks {'${later.id}'} flagged as revoked` });
    await expect(later.get({ timeoutMs: 10_000 })).rejects.toMatchObject({ name: "TaskRevokedError" });
  });

  it("we inspect and steer Python's", async () => {
    const ask = async (method: string, args = {}) =>
      (await shop.app.control.ask(method, args, { destination: [PYTHONS], timeoutMs: 5_000 })).get(PYTHONS);
    expect(await ask("registered")).toContain("python.add");
    expect(await ask("active_queues")).toMatchObject([{ name: "python" }]);
    expect(await ask("add_consumer", { queue: "extra" })).toEqual({ ok: "add consumer extra" });
    const sent = await shop.app.sendTask("python.add", { args: [1, 2], queue: "extra" });
    expect(await sent.get({ timeoutMs: 10_000 })).toBe(3);
    expect(await ask("cancel_consumer", { queue: "extra" })).toEqual({ ok: "no longer consuming from extra" });
    expect(await ask("nosuch")).toEqual({ error: expect.stringContaining("nosuch") as unknown });
  });

  it("leaves no reply box behind, of those who asked or answered", async () => {
    await shop.app.control.ask("ping", {}, { limit: 2 });
    await celery("inspect", "ping");
    const left = (await shop.python(
      "sorted(k.decode() for k in app.backend.client.keys('*reply*'))",
    )) as readonly string[];
    expect(left.filter((key) => !key.startsWith("_kombu.binding."))).toEqual([]);
  });
});

function kindOf(value: unknown): string {
  return Array.isArray(value) ? "list" : typeof value;
}
