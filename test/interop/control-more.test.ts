import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { describeInEachPlace, Shop } from "../support/shop.ts";

const OURS = "ours@here";
const PYTHONS = "python@test";
const WAIT = { timeoutMs: 20_000 };

describeInEachPlace((place) => {
  let shop: Shop;
  /** Celery has stamps since 5.3. */
  let hasStamps: boolean;
  beforeAll(async () => {
    shop = await Shop.open({
      ...place,
      settings: { worker_pool_restarts: true },
      config: { workerPoolRestarts: true },
    });
    await shop.pythonWorker({ queues: ["python"] });
    await shop.worker({ queues: ["typescript"], hostname: OURS, autoscale: { max: 4, min: 2 } });
    await eventually(async () => expect((await shop.app.control.ask("ping", {}, { limit: 2 })).size).toBe(2));
    hasStamps = (await shop.python("hasattr(app.control, 'revoke_by_stamped_headers')")) === true;
  });
  afterAll(() => shop[Symbol.asyncDispose]());

  /** What ours answers to `celery control …`. */
  const control = async (...args: readonly string[]): Promise<unknown> => {
    const printed = await shop.celery("control", ...args, "-d", OURS, "--json");
    return (JSON.parse(printed) as readonly [Readonly<Record<string, unknown>>])[0][OURS];
  };
  const inspect = async (...args: readonly string[]): Promise<unknown> =>
    (JSON.parse(await shop.celery("inspect", ...args, "-d", OURS, "--json")) as Readonly<Record<string, unknown>>)[
      OURS
    ];
  const askPython = async (method: string, args = {}): Promise<unknown> =>
    (await shop.app.control.ask(method, args, { destination: [PYTHONS], timeoutMs: 5_000 })).get(PYTHONS);

  it("`celery control time_limit` changes the limits of our task", async () => {
    expect(await control("time_limit", "typescript.started", "0.2", "15")).toEqual({
      ok: "time limits set successfully",
    });
    const warned = await shop.app.sendTask("typescript.started", { args: [10] });
    await expect(warned.get(WAIT)).rejects.toMatchObject({ name: "TaskFailedError" });
    expect(await control("time_limit", "typescript.started", "0", "0.2")).toEqual({
      ok: "time limits set successfully",
    });
    const ended = await shop.app.sendTask("typescript.started", { args: [10] });
    await expect(ended.get(WAIT)).rejects.toThrow("TimeLimitExceeded");
    expect(await control("time_limit", "typescript.started", "0", "0")).toEqual({ ok: "time limits set successfully" });
    expect(await control("time_limit", "nosuch", "1")).toEqual({ error: "unknown task" });
  });

  it("`celery control autoscale` changes how ours scales, and `inspect stats` tells it", async () => {
    expect(await control("autoscale", "6", "3")).toEqual({ ok: "autoscale now max=6 min=3" });
    expect(await inspect("stats")).toMatchObject({ autoscaler: { max: 6, min: 3, current: 3, qty: 0 } });
    const refused = "pool_grow is not supported with autoscale. Adjust autoscale range instead.";
    expect(await control("pool_grow", "1")).toEqual({ error: refused });
  });

  it("`celery control pool_restart` is told that an inline pool has none, and `inspect memsample` what ours has", async () => {
    expect(await control("pool_restart")).toEqual({ error: expect.stringContaining("inline") as unknown });
    expect(await inspect("memsample")).toMatch(/^\d+(\.\d+)?MB$/);
    expect(await inspect("memdump", "5")).toContain("- rss (sample):\n-    > ");
    expect(await inspect("objgraph")).toEqual({ error: expect.stringContaining("Python's objects") as unknown });
  });

  it("Python's `revoke_by_stamped_headers` gets from ours what its own worker answers, and its stamped task does not run", async ({
    skip,
  }) => {
    skip(!hasStamps, "this Celery has no stamps");
    const revoke = (headers: string, terminate: string) =>
      shop.python(
        `{n: a for r in app.control.revoke_by_stamped_headers(${headers}, terminate=${terminate}, reply=True, timeout=5, ` +
          `destination=['${OURS}', '${PYTHONS}'], limit=2) for n, a in r.items()}`,
      ) as Promise<Readonly<Record<string, { readonly ok: string }>>>;
    const answers = await revoke("{'run': ['a', 'b'], 'one': 'x'}", "False");
    expect(answers[OURS]).toEqual(answers[PYTHONS]);
    expect(answers[OURS]?.ok).toBe("headers {'run': ['a', 'b'], 'one': 'x'} flagged as revoked, but not terminated");
    expect(await revoke("{'run': 'nobody'}", "True")).toMatchObject({
      [OURS]: { ok: "headers {'run': 'nobody'} were not terminated" },
    });

    const stamped = (task: string, stamp: string, args = "") =>
      shop.python(`(s := task('${task}').clone(args=[${args}]), s.stamp(run='${stamp}'), s.apply_async().id)[2]`);
    const revoked = shop.app.result(String(await stamped("typescript.add", "b", "1, 2")));
    await expect(revoked.get(WAIT)).rejects.toMatchObject({ name: "TaskRevokedError" });
    expect(await shop.python(`result('${revoked.id}').state`)).toBe("REVOKED");
    const runs = shop.app.result(String(await stamped("typescript.add", "c", "1, 2")));
    expect(await runs.get(WAIT)).toBe(3);

    const running = shop.app.result(String(await stamped("typescript.started", "d", "20")));
    await eventually(async () => expect(await inspect("active")).toHaveLength(1));
    const ended = await revoke("{'run': 'd'}", "True");
    expect(ended[OURS]?.ok).toBe("headers defaultdict(<class 'set'>, {'run': {'d'}}) revoked");
    await expect(running.get(WAIT)).rejects.toMatchObject({ name: "TaskRevokedError" });
  });

  it("we steer Python's", async () => {
    const ok = { ok: "time limits set successfully" };
    expect(await askPython("time_limit", { task_name: "python.started", soft: 1, hard: 15 })).toEqual(ok);
    expect(await askPython("autoscale", { max: 3, min: 1 })).toEqual({
      error: expect.stringContaining("Autoscale not enabled") as unknown,
    });
    expect(await askPython("pool_restart", { reload: false })).toEqual({ ok: "reload started" });
    // Celery's worker takes changed limits for its own when it looks at its tasks anew, as it does then.
    const warned = await shop.app.sendTask("python.started", { args: [10] });
    await expect(warned.get(WAIT)).rejects.toThrow("SoftTimeLimitExceeded");
    if (!hasStamps) return;
    expect(await askPython("revoke_by_stamped_headers", { headers: ["run=z"] })).toEqual({
      ok: "headers {'run': 'z'} flagged as revoked, but not terminated",
    });
  });
});
