import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startWorker, type WorkerProcess } from "../../support/cli.ts";
import { eventually } from "../../support/eventually.ts";
import type { Flower, FlowerAnswer } from "../../support/flower.ts";
import { output } from "../../support/processes.ts";
import { CELERY_TOOLS, pythonOf } from "../../support/python.ts";
import { SHARED_RABBITMQ } from "../../support/rabbitmq-vhost.ts";
import { HAS_REDIS } from "../../support/redis.ts";
import { Shop, type ShopPlace } from "../../support/shop.ts";

const OURS = "ours@here";
const PYTHONS = "python@test";
const DOOMED = "doomed@here";
const SCALED = "scaled@here";
const NODES = [
  { node: OURS, half: "typescript" },
  { node: PYTHONS, half: "python" },
] as const;

type Row = Readonly<Record<string, unknown>>;

/** Events and inspections come when they come. */
const PATIENCE = { timeoutMs: 15_000 };

const BROKERS: readonly NonNullable<ShopPlace["broker"]>[] = SHARED_RABBITMQ === "" ? ["redis"] : ["redis", "rabbitmq"];

describe.skipIf(pythonOf(CELERY_TOOLS) === "" || !HAS_REDIS).each(BROKERS)("Flower on %s", (broker) => {
  let shop: Shop;
  let flower: Flower;
  /** Ids of the calls that both halves were sent, by node and what was called. */
  const calls = new Map<string, string>();
  const idOf = (node: string, what: string): string => calls.get(`${node} ${what}`) ?? "";
  /** Routes that a test asks for. */
  const asked = new Set<string>();

  /** A test of what one of Flower's routes answers. */
  const answers = (route: string, what: string, test: () => Promise<void>): void => {
    asked.add(route);
    it(`${route} ${what}`, test);
  };
  const ok = ({ status, text }: FlowerAnswer): string => {
    expect(status, text).toBe(200);
    return text;
  };
  const page = async (path: string): Promise<string> => ok(await flower.get(path));
  const json = async <T = Row>(path: string): Promise<T> => JSON.parse(await page(path)) as T;
  const press = async (path: string, form: Readonly<Record<string, string>> = {}): Promise<unknown> =>
    (JSON.parse(ok(await flower.post(path, form))) as { readonly message: unknown }).message;
  const call = async (path: string, body: unknown): Promise<Row> =>
    JSON.parse(ok(await flower.post(path, {}, body))) as Row;
  const row = async (node: string): Promise<Row> => {
    const { data } = await json<{ readonly data: readonly Row[] }>("/workers?json=1");
    return data.find(({ hostname }) => hostname === node) ?? {};
  };
  const info = (id: string): Promise<Row> => json(`/api/task/info/${id}`);
  const state = (id: string, expected: string): Promise<void> =>
    eventually(async () => expect(await info(id)).toMatchObject({ state: expected }), PATIENCE);
  /** What our worker says of itself. */
  const inspect = async (method: string, args = {}, node = OURS): Promise<unknown> =>
    (await shop.app.control.ask(method, args, { destination: [node], timeoutMs: 5_000 })).get(node);
  const poolOf = async (node: string): Promise<unknown> => ((await inspect("stats", {}, node)) as Row)["pool"];
  const running = async (seconds: number, queue = "typescript"): Promise<string> => {
    const { id } = await shop.app.sendTask("typescript.started", { args: [seconds], queue });
    await eventually(async () => expect(await inspect("query_task", { ids: [id] })).toHaveProperty(id), PATIENCE);
    return id;
  };

  beforeAll(async () => {
    const events = { taskSendSentEvent: true, workerSendTaskEvents: true };
    shop = await Shop.open({ peer: CELERY_TOOLS, broker, config: events });
    const [started] = await Promise.all([
      shop.flower(),
      shop.pythonWorker({ queues: ["python"], events: true }),
      shop.worker({ queues: ["typescript"], hostname: OURS, concurrency: 2 }),
      shop.worker({ queues: ["nothing"], hostname: DOOMED }),
    ]);
    flower = started;
    // Both may have come before Flower listened: a heartbeat shows them as well.
    for (const { node } of NODES)
      await eventually(async () => expect(await row(node)).toMatchObject({ status: true }), PATIENCE);
    await sendToBoth();
  });
  afterAll(() => shop[Symbol.asyncDispose]());

  /** The same calls to both halves; resolves once Flower has seen them through. */
  async function sendToBoth(): Promise<void> {
    const send = async (node: string, task: string, args: readonly unknown[], kwargs = {}): Promise<void> => {
      const what = task.slice(task.indexOf(".") + 1);
      calls.set(`${node} ${what}`, (await shop.app.sendTask(task, { args, kwargs })).id);
    };
    for (const { node, half } of NODES) {
      await send(node, `${half}.add`, [1], { y: 2 });
      await send(node, `${half}.echo`, ["grüße"]);
      await send(node, `${half}.fail`, ["ValueError"]);
      // Not at once: Python's may tell of a retry when the next run is through.
      if (half === "python") await send(node, "python.flaky", [1], { countdown: 0.5 });
      else await send(node, "typescript.flaky", [1, 500]);
      await state(idOf(node, "add"), "SUCCESS");
      await state(idOf(node, "echo"), "SUCCESS");
      await state(idOf(node, "fail"), "FAILURE");
      await state(idOf(node, "flaky"), "SUCCESS");
    }
  }

  describe("shows both kinds of worker", () => {
    for (const path of ["/", "/workers"])
      answers(`GET ${path}`, "lists them", async () => {
        const html = await page(path);
        for (const { node } of NODES) expect(html).toContain(node);
      });

    answers("GET /workers", "counts what each does, alike", async () => {
      const counts = (one: Row): Row =>
        Object.fromEntries(Object.entries(one).filter(([name]) => name.startsWith("task-")));
      const fieldsOf = (one: Row): readonly string[] =>
        Object.keys(one)
          .filter((name) => name !== "worker-online")
          .sort();
      await eventually(async () => {
        const [ours, theirs] = [await row(OURS), await row(PYTHONS)];
        expect(counts(ours)).toEqual({
          "task-received": 5,
          "task-started": 5,
          "task-succeeded": 3,
          "task-failed": 1,
          "task-retried": 1,
        });
        expect(counts(ours)).toEqual(counts(theirs));
        expect(ours).toMatchObject({ status: true, active: 0, processed: 5, sw_ident: "celeriac" });
        expect(fieldsOf(ours)).toEqual(fieldsOf(theirs));
        for (const list of ["loadavg", "heartbeats"]) expect(ours[list]).toContainEqual(expect.any(Number));
      }, PATIENCE);
    });

    it.each(NODES)("GET /worker/(.+) has every tab of $node", async ({ node, half }) => {
      const html = await page(`/worker/${node}`);
      const other = half === "python" ? "typescript" : "python";
      expect(html).toMatch(/<td>Max concurrency<\/td>\s*<td>2<\/td>/);
      expect(html).toMatch(new RegExp(`<td>${half}\\.add</td>\\s*<td>1</td>`)); // processed
      expect(html).toContain(`worker-cancel-consumer-${half}`);
      expect(html).toContain(`task-rate-limit-${half}.add`);
      expect(html).not.toContain(`${other}.add`);
      for (const what of [broker === "redis" ? "redis" : "amqp", "broker_url", "maxrss", "Worker PID"])
        expect(html).toContain(what);
    });
    asked.add("GET /worker/(.+)");

    answers("GET /api/workers", "has the answers of both to every inspection", async () => {
      const all = await json<Readonly<Record<string, Row>>>("/api/workers?refresh=1");
      expect(Object.keys(all)).toEqual(expect.arrayContaining([OURS, PYTHONS]));
      for (const { node, half } of NODES) {
        const { [node]: one = {} } = await json<Readonly<Record<string, Row>>>(
          `/api/workers?refresh=1&workername=${node}`,
        );
        const told = ["active", "active_queues", "conf", "registered", "reserved", "revoked", "scheduled", "stats"];
        expect(Object.keys(one).sort()).toEqual([...told, "timestamp"]);
        expect(one["registered"]).toEqual(expect.arrayContaining([`${half}.add`, "both.where"]));
        expect(one["active_queues"]).toMatchObject([{ name: half, durable: true, no_ack: false }]);
        expect(one["stats"]).toMatchObject({
          pool: { "max-concurrency": 2 },
          total: { [`${half}.add`]: 1, [`${half}.fail`]: 1 },
        });
      }
      expect(await json("/api/workers?status=1")).toMatchObject({ [OURS]: true, [PYTHONS]: true });
      expect((await flower.get("/api/workers?workername=nobody@here")).status).toBe(404);
    });
  });

  describe("shows the tasks of both", () => {
    answers("GET /api/task/info/(.*)", "tells of ours what it tells of Python's", async () => {
      const same = { args: "(1,)", kwargs: "{'y': 2}", result: "3", state: "SUCCESS", retries: 0 };
      const told = (one: Row): readonly string[] =>
        Object.keys(one).filter((key) => one[key] !== null && one[key] !== undefined);
      for (const { node, half } of NODES)
        expect(await info(idOf(node, "add"))).toMatchObject({ ...same, name: `${half}.add`, worker: node });
      expect(await info(idOf(OURS, "echo"))).toMatchObject({ args: "('grüße',)", result: "'grüße'" });
      expect(await info(idOf(OURS, "fail"))).toMatchObject({
        state: "FAILURE",
        exception: "ValueError('too far')",
        traceback: expect.stringContaining("too far") as unknown,
      });
      expect(await info(idOf(OURS, "flaky"))).toMatchObject({ state: "SUCCESS", retries: 1, result: "1" });
      for (const what of ["add", "echo", "fail", "flaky"])
        expect(told(await info(idOf(OURS, what)))).toEqual(told(await info(idOf(PYTHONS, what))));
      expect((await flower.get("/api/task/info/nosuch")).status).toBe(404);
    });

    answers("GET /task/(.+)", "has a page for each", async () => {
      const html = await page(`/task/${idOf(OURS, "fail")}`);
      for (const what of ["typescript.fail", "FAILURE", OURS, "too far", "Traceback"]) expect(html).toContain(what);
      expect(await page(`/task/${idOf(PYTHONS, "fail")}`)).toContain(PYTHONS);
      expect((await flower.get("/task/nosuch")).status).toBe(404);
    });

    answers("GET /tasks", "has a table", async () => {
      expect(await page("/tasks")).toContain('id="tasks-table"');
    });

    for (const method of ["GET", "POST"] as const)
      answers(`${method} /tasks/datatable`, "fills it", async () => {
        const wanted = {
          draw: "1",
          start: "0",
          length: "50",
          "order[0][column]": "0",
          "order[0][dir]": "asc",
          "columns[0][data]": "name",
          "search[value]": `worker:${OURS}`,
        };
        const query = new URLSearchParams(wanted).toString();
        const path = "/tasks/datatable";
        const text = ok(await (method === "GET" ? flower.get(`${path}?${query}`) : flower.post(path, wanted)));
        const { data } = JSON.parse(text) as { readonly data: readonly Row[] };
        const rows = data.map(({ name, state, worker }) => [name, state, worker]);
        expect(rows).toContainEqual(["typescript.add", "SUCCESS", OURS]);
        expect(rows).toContainEqual(["typescript.fail", "FAILURE", OURS]);
      });

    answers("GET /api/tasks", "finds them by worker, name and state", async () => {
      const found = async (query: string): Promise<readonly string[]> =>
        Object.keys(await json(`/api/tasks?${query}`)).sort();
      expect(await found(`workername=${OURS}&state=FAILURE`)).toEqual([idOf(OURS, "fail")]);
      expect(await found(`workername=${PYTHONS}&state=FAILURE`)).toEqual([idOf(PYTHONS, "fail")]);
      expect(await found("taskname=typescript.flaky")).toEqual([idOf(OURS, "flaky")]);
      expect(await found("search=result:grüße")).toHaveLength(2);
    });

    answers("GET /api/task/types", "names them", async () => {
      const { "task-types": types } = await json("/api/task/types");
      expect(types).toEqual(expect.arrayContaining(["python.add", "typescript.add", "typescript.flaky"]));
    });

    answers("GET /api/task/result/(.+)", "reads what our worker has stored", async () => {
      const result = (what: string): Promise<Row> => json(`/api/task/result/${idOf(OURS, what)}?timeout=1`);
      expect(await result("add")).toMatchObject({ state: "SUCCESS", result: 3 });
      expect(await result("fail")).toMatchObject({
        state: "FAILURE",
        result: "ValueError('too far')",
        traceback: expect.stringContaining("too far") as unknown,
      });
    });
  });

  describe("shows the broker", () => {
    answers("GET /broker", "with the queues of both", async () => {
      await eventually(async () => {
        const html = await page("/broker");
        for (const { half } of NODES) expect(html).toContain(`<td>${half}</td>`);
      }, PATIENCE);
    });

    answers("GET /api/queues/length", "counts what waits for our worker", async () => {
      await press(`/api/worker/queue/add-consumer/${DOOMED}`, { queue: "later" });
      await page(`/api/workers?refresh=1&workername=${DOOMED}`);
      await press(`/api/worker/queue/cancel-consumer/${DOOMED}`, { queue: "later" });
      for (let n = 0; n < 3; n += 1) await shop.app.sendTask("typescript.add", { args: [n], queue: "later" });
      // RabbitMQ counts from time to time.
      await eventually(async () => {
        const { active_queues: queues } = await json("/api/queues/length");
        for (const [name, messages] of Object.entries({ later: 3, typescript: 0 }))
          expect(queues).toContainEqual(expect.objectContaining({ name, messages }));
      }, PATIENCE);
    });

    answers("GET /metrics", "has the figures of both", async () => {
      const text = await page("/metrics");
      for (const { node, half } of NODES) {
        const succeeded = `flower_events_total{task="${half}.add",type="task-succeeded",worker="${node}"} 1.0`;
        const online = `flower_worker_online{worker="${node}"} 1.0`;
        const runtime = `flower_task_runtime_seconds_count{task="${half}.add",worker="${node}"} 1.0`;
        const prefetched = `flower_worker_prefetched_tasks{task="${half}.add",worker="${node}"} 0.0`;
        for (const line of [succeeded, online, runtime, prefetched]) expect(text).toContain(line);
      }
    });
  });

  describe("steers our worker", () => {
    answers("POST /api/worker/pool/grow/(.+)", "grows the pool", async () => {
      const said = `Growing '${OURS}' worker's pool by 3`;
      expect(await press(`/api/worker/pool/grow/${OURS}`, { n: "3" })).toBe(said);
      expect(await poolOf(OURS)).toMatchObject({ "max-concurrency": 5 });
    });

    answers("POST /api/worker/pool/shrink/(.+)", "shrinks it, and says why it does not", async () => {
      const said = `Shrinking '${OURS}' worker's pool by 3`;
      expect(await press(`/api/worker/pool/shrink/${OURS}`, { n: "3" })).toBe(said);
      expect(await poolOf(OURS)).toMatchObject({ "max-concurrency": 2 });
      const refused = await flower.post(`/api/worker/pool/shrink/${OURS}`, { n: "2" });
      expect(refused).toMatchObject({ status: 403, text: expect.stringContaining("one must be left") as unknown });
    });

    answers("POST /api/worker/queue/add-consumer/(.+)", "has it consume from a queue", async () => {
      expect(await press(`/api/worker/queue/add-consumer/${OURS}`, { queue: "more" })).toBe("add consumer more");
      expect(await inspect("active_queues")).toMatchObject([{ name: "typescript" }, { name: "more" }]);
      const sent = await shop.app.sendTask("typescript.add", { args: [4, 5], queue: "more" });
      expect(await sent.get({ timeoutMs: 10_000 })).toBe(9);
      expect((await flower.post(`/api/worker/queue/add-consumer/${OURS}`)).status).toBe(400);
    });

    answers("POST /api/worker/queue/cancel-consumer/(.+)", "takes it off again", async () => {
      const said = "no longer consuming from more";
      expect(await press(`/api/worker/queue/cancel-consumer/${OURS}`, { queue: "more" })).toBe(said);
      expect(await inspect("active_queues")).toMatchObject([{ name: "typescript" }]);
    });

    answers("POST /api/task/revoke/(.+)", "revokes a task that waits", async () => {
      const { id } = await shop.app.sendTask("typescript.add", { args: [1], countdownMs: 2_000 });
      expect(await press(`/api/task/revoke/${id}`)).toBe(`Revoked '${id}'`);
      await eventually(async () => expect(await inspect("revoked")).toContain(id), PATIENCE);
      await state(id, "REVOKED");
    });

    answers("POST /api/task/revoke/(.+)", "terminates one that runs", async () => {
      const id = await running(60);
      await state(id, "STARTED");
      expect(await page(`/task/${id}`)).toContain('id="task-terminate"');
      expect(await page(`/api/workers?refresh=1&workername=${OURS}`)).toContain(id);
      expect(await page(`/worker/${OURS}`)).toContain(id);
      expect(await press(`/api/task/revoke/${id}`, { terminate: "true", signal: "SIGKILL" })).toBe(`Revoked '${id}'`);
      await state(id, "REVOKED");
      expect(await inspect("active")).toEqual([]);
    });

    answers("POST /api/task/rate-limit/(.+)", "sets a task's rate limit", async () => {
      const limit = (ratelimit: string): Promise<unknown> =>
        press("/api/task/rate-limit/typescript.echo", { workername: OURS, ratelimit });
      expect(await limit("10/m")).toBe("new rate limit set successfully");
      expect(await inspect("registered")).toContain("typescript.echo [rate_limit=10/m]");
      expect(await limit("0")).toBe("new rate limit set successfully");
    });

    answers("POST /api/task/timeout/(.+)", "sets a task's time limits", async () => {
      const limit = (limits: Readonly<Record<string, string>>): Promise<unknown> =>
        press("/api/task/timeout/typescript.started", { workername: OURS, ...limits });
      expect(await limit({ soft: "0.2", hard: "0.5" })).toBe("time limits set successfully");
      const sent = await shop.app.sendTask("typescript.started", { args: [60] });
      // Of a task that waits for a minute and heeds its signal.
      await expect(sent.get({ timeoutMs: 10_000 })).rejects.toMatchObject({
        message: expect.stringMatching(/AbortError|TimeLimitExceeded/) as unknown,
      });
      expect(await limit({})).toBe("time limits set successfully");
    });

    answers("POST /api/task/apply/(.+)", "calls a task of ours and waits for it", async () => {
      expect(await call("/api/task/apply/typescript.add", { args: [2, 3] })).toMatchObject({
        state: "SUCCESS",
        result: 5,
      });
    });

    for (const way of ["async-apply", "send-task"])
      answers(`POST /api/task/${way}/(.+)`, "calls a task of ours", async () => {
        const { "task-id": id } = await call(`/api/task/${way}/typescript.add`, { args: [3, 4] });
        const result = (query: string): Promise<Row> => json(`/api/task/result/${String(id)}${query}`);
        expect(await result("?timeout=10")).toMatchObject({ result: 7 });
        expect(await result("")).toMatchObject({ state: "SUCCESS", result: 7 });
      });

    answers("POST /api/task/abort/(.+)", "notes that a task is to abort", async () => {
      const { id } = await shop.app.sendTask("typescript.add", { args: [1], queue: "nobodys" });
      expect(await press(`/api/task/abort/${id}`)).toBe(`Aborted '${id}'`);
      expect(await shop.app.result(id).state()).toBe("ABORTED");
    });

    answers("POST /api/worker/shutdown/(.+)", "shuts it down, and shows it as gone", async () => {
      await eventually(async () => expect(await row(DOOMED)).toMatchObject({ status: true }), PATIENCE);
      expect(await press(`/api/worker/shutdown/${DOOMED}`)).toBe("Shutting down!");
      await eventually(async () => expect(await row(DOOMED)).toMatchObject({ status: false }), PATIENCE);
      expect((await shop.app.control.ask("ping", {}, { limit: 3, timeoutMs: 500 })).has(DOOMED)).toBe(false);
    });

    it("turns its events on again where they were turned off", async () => {
      await inspect("disable_events");
      await eventually(
        async () => {
          const { id } = await shop.app.sendTask("typescript.add", { args: [1] });
          await eventually(async () => expect(await info(id)).toMatchObject({ worker: OURS }), { timeoutMs: 500 });
        },
        { timeoutMs: 20_000 },
      );
    });
  });

  describe("steers a worker of ours that has threads and scales them", () => {
    let scaled: WorkerProcess;
    beforeAll(async () => {
      const options = ["-n", SCALED, "-Q", "scaled", "-P", "threads", "--autoscale", "4,1"];
      scaled = await startWorker(["-A", join(import.meta.dirname, "scaled-app.ts"), "worker", ...options], {
        cwd: tmpdir(),
        env: { CELERY_BROKER_URL: shop.brokerUrl, CELERY_RESULT_BACKEND: shop.server.url },
      });
      await eventually(
        async () => expect(await json(`/api/workers?refresh=1&workername=${SCALED}`)).toHaveProperty([SCALED, "stats"]),
        PATIENCE,
      );
    });
    afterAll(() => scaled[Symbol.asyncDispose]());

    answers("POST /api/worker/pool/autoscale/(.+)", "sets how far it scales", async () => {
      const said = `Autoscaling '${SCALED}' worker (min=2, max=3)`;
      expect(await press(`/api/worker/pool/autoscale/${SCALED}`, { min: "2", max: "3" })).toBe(said);
      expect(await inspect("stats", {}, SCALED)).toMatchObject({ autoscaler: { max: 3, min: 2 } });
      await page(`/api/workers?refresh=1&workername=${SCALED}`);
      expect(await page(`/worker/${SCALED}`)).toContain("Autoscaler options");
      const refused = await flower.post(`/api/worker/pool/autoscale/${OURS}`, { min: "1", max: "3" });
      expect(refused).toMatchObject({
        status: 403,
        text: expect.stringContaining("Autoscale not enabled") as unknown,
      });
    });

    answers("POST /api/worker/pool/restart/(.+)", "restarts its pool", async () => {
      const said = `Restarting '${SCALED}' worker's pool`;
      expect(await press(`/api/worker/pool/restart/${SCALED}`)).toBe(said);
      const sent = await shop.app.sendTask("typescript.add", { args: [4, 5], queue: "scaled" });
      expect(await sent.get({ timeoutMs: 20_000 })).toBe(9);
    });

    answers("POST /api/worker/shutdown/(.+)", "ends its process", async () => {
      expect(await press(`/api/worker/shutdown/${SCALED}`)).toBe("Shutting down!");
      expect(await scaled.exit).toBe(0);
    });
  });

  describe("has besides", () => {
    answers("GET /healthcheck", "for those who look after it", async () => {
      expect(await page("/healthcheck")).toBe("OK");
    });

    answers("GET /static/(.*)", "what its pages are made with", async () => {
      const [, style = ""] = /href="(\/static\/[^"]+\.css[^"]*)"/.exec(await page("/workers")) ?? [];
      expect(await page(style)).not.toBe("");
    });

    answers("GET /logout", "a way out", async () => {
      await page("/logout");
    });

    for (const [route, path] of [
      ["GET /login/?", "/login"],
      ["GET .*", "/nosuch"],
      ["POST .*", "/nosuch"],
    ] as const)
      answers(route, "that there is no such page", async () => {
        expect((await (route.startsWith("GET") ? flower.get(path) : flower.post(path))).status).toBe(404);
      });
  });

  it("answers nothing that is not asked for here", async () => {
    const routes = await output(pythonOf(CELERY_TOOLS), [join(import.meta.dirname, "../python/flower_routes.py")]);
    expect([...asked].sort()).toEqual([...(JSON.parse(routes) as readonly string[])].sort());
  });

  it("has met with no error but the refusals", () => {
    expect(flower.log.join("\n")).not.toContain("Traceback");
    const errors = flower.log.filter((line) => /^\[[EC] /.test(line));
    expect(errors.filter((line) => !/one must be left|Autoscale not enabled/.test(line))).toEqual([]);
  });
});
