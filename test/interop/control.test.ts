import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMMANDS } from "../../src/control/commands.ts";
import { eventually } from "../support/eventually.ts";
import { describeInEveryPlace, Shop } from "../support/shop.ts";

const OURS = "ours@here";
const PYTHONS = "python@test";
const BOTH: readonly string[] = [OURS, PYTHONS];

/** One command, and what a worker of either kind answers. */
interface Row {
  readonly method: string;
  readonly args: Readonly<Record<string, unknown>>;
  /** The arguments as the command line has them. */
  readonly words: readonly string[];
  readonly answer: unknown;
}

/** In `control-more`, `rate-limit`, `liveness` and `conformance/pause`; and `shutdown`, which ends what is asked here, below. */
const WITH_TESTS_OF_THEIR_OWN: ReadonlySet<string> = new Set([
  ...["autoscale", "memdump", "memsample", "objgraph", "pool_restart", "revoke_by_stamped_headers", "time_limit"],
  ...["rate_limit", "liveness", "pause_queue", "resume_queue", "shutdown"],
]);

const number: unknown = expect.any(Number);
const text: unknown = expect.any(String);
const list: unknown = expect.any(Array);
const with_ = (fields: Readonly<Record<string, unknown>>): unknown => expect.objectContaining(fields);
const row = (method: string, answer: unknown, args: Row["args"] = {}, ...words: readonly string[]): Row => ({
  method,
  args,
  words,
  answer,
});
const id = "00000000-0000-0000-0000-000000000000";

const QUEUE = with_({
  ...{ name: text, routing_key: text, queue_arguments: null, binding_arguments: null, consumer_arguments: null },
  ...{
    durable: true,
    exclusive: false,
    auto_delete: false,
    no_ack: false,
    alias: null,
    bindings: [],
    no_declare: null,
  },
  ...{ expires: null, message_ttl: null, max_length: null, max_length_bytes: null, max_priority: null },
  exchange: with_({ name: text, type: "direct", durable: true, auto_delete: false, arguments: null }),
});
const POOL = { "max-concurrency": 2, processes: list, timeouts: [0, 0], "max-tasks-per-child": "N/A" };
const statsOf = (transport: string): unknown =>
  with_({
    ...{ total: with_({}), pid: number, clock: text, uptime: number, prefetch_count: number },
    pool: with_({ ...POOL, "put-guarded-by-semaphore": expect.any(Boolean) as unknown }),
    broker: with_({ hostname: "127.0.0.1", transport, port: number, virtual_host: text, ssl: false }),
    rusage: with_({ utime: number, stime: number, maxrss: number, minflt: number, nivcsw: number }),
  });

/** `transport` is the broker's, as Kombu calls it. */
const rowsOf = (transport: string): readonly Row[] => [
  row("ping", { ok: "pong" }),
  row("clock", { clock: number }),
  row("report", { ok: expect.stringContaining("software -> celery:") as unknown }),
  row("conf", with_({ broker_url: text, result_backend: text })),
  row("conf", with_({ task_acks_late: expect.any(Boolean) as unknown }), { with_defaults: true }, "true"),
  row("active", []),
  row("reserved", []),
  row("scheduled", []),
  row("registered", expect.arrayContaining(["both.where"])),
  row("registered", expect.arrayContaining(["both.where [name=both.where]"]), { taskinfoitems: ["name"] }, "name"),
  row("active_queues", [QUEUE]),
  row("query_task", {}, { ids: [id] }, id),
  row("stats", statsOf(transport)),
  row("enable_events", { ok: "task events enabled" }),
  row("enable_events", { ok: "task events already enabled" }),
  row("heartbeat", null),
  row("disable_events", { ok: "task events disabled" }),
  row("disable_events", { ok: "task events already disabled" }),
  row("add_consumer", { ok: "add consumer more" }, { queue: "more" }, "more"),
  row("cancel_consumer", { ok: "no longer consuming from more" }, { queue: "more" }, "more"),
  row("pool_grow", { ok: "pool will grow" }, { n: 1 }, "1"),
  row("pool_shrink", { ok: "pool will shrink" }, { n: 1 }, "1"),
  row(
    "revoke",
    { ok: expect.stringMatching(`^tasks .*${id}.* flagged as revoked$`) as unknown },
    { task_id: [id] },
    id,
  ),
  row("terminate", { ok: "terminate: tasks unknown" }, { signal: "KILL", task_id: [id] }, "KILL", id),
  row("revoked", expect.arrayContaining([id])),
];

describeInEveryPlace((place) => {
  const isOnRabbitMq = place.broker === "rabbitmq";
  const rows = rowsOf(isOnRabbitMq ? "amqp" : "redis");
  let shop: Shop;
  beforeAll(async () => {
    shop = await Shop.open(place);
    await shop.pythonWorker({ queues: ["python"], events: "on demand" });
    await shop.worker({ queues: ["typescript"], hostname: OURS, concurrency: 2 });
    // Both hear.
    await eventually(async () => expect((await shop.app.control.ask("ping", {}, { limit: 2 })).size).toBe(2));
  });
  afterAll(() => shop[Symbol.asyncDispose]());

  /** What the real command line prints as JSON, of one command. */
  const celery = async (...args: readonly string[]): Promise<Readonly<Record<string, unknown>>> =>
    JSON.parse(await shop.celery(...args, "--json")) as Readonly<Record<string, unknown>>;

  function weAsk({ method, args }: Row): Promise<ReadonlyMap<string, unknown>> {
    return shop.app.control.ask(method, args, { destination: BOTH, timeoutMs: 5_000 });
  }

  /** `celery inspect` and `celery control` of both workers. */
  async function celeryAsks({ method, words }: Row): Promise<ReadonlyMap<string, unknown>> {
    const kind = COMMANDS[method]?.kind ?? "";
    const said: unknown = await celery(kind, method, ...words, "-t", "5", "-d", BOTH.join(","));
    // Of `control`, a list with an object for each worker.
    return new Map(Object.entries(Object.assign({}, ...[said].flat()) as Readonly<Record<string, unknown>>));
  }

  /** Those that are left: lists of a Redis, queues of a RabbitMQ. */
  async function replyBoxes(): Promise<readonly unknown[]> {
    if (shop.vhost !== undefined) {
      const queues = await shop.vhost.queues();
      return queues.map(({ name }) => name).filter((name) => String(name).includes("reply"));
    }
    const keys = await shop.python("[k.decode() for k in app.backend.client.keys('*reply*')]");
    return (keys as readonly string[]).filter((key) => !key.startsWith("_kombu.binding."));
  }

  it("one broadcast is answered by both kinds of worker, to us and to `celery status`", async () => {
    const answers = await shop.app.control.ask("ping", {}, { limit: 2 });
    expect(Object.fromEntries(answers)).toEqual({ [OURS]: { ok: "pong" }, [PYTHONS]: { ok: "pong" } });
    expect(await shop.celery("status")).toMatch(/ours@here: OK[^]*2 nodes online/);
  });

  describe.each([
    { asker: "we", rows, ask: weAsk },
    // A program each time: once for each command.
    { asker: "`celery`", rows: rows.filter(isFirstOfMethod), ask: celeryAsks },
  ])("$asker ask both kinds of worker at once", ({ rows, ask }) => {
    it.each(rows)("$method $args", async (row) => {
      const answers = await ask(row);
      expect([...answers.keys()].sort()).toEqual(BOTH);
      for (const [node, answer] of answers) expect(answer, node).toEqual(row.answer);
    });
  });

  it("every command is asked for", () => {
    const asked = new Set(rows.map(({ method }) => method));
    const elsewhere = Object.keys(COMMANDS).filter((method) => !asked.has(method));
    expect(elsewhere.filter((method) => !WITH_TESTS_OF_THEIR_OWN.has(method))).toEqual([]);
  });

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

  it("refuses what it is not told how to do, as Python's does, and goes on", async () => {
    const ask = (method: string, args = {}) =>
      shop.app.control.ask(method, args, { destination: BOTH, timeoutMs: 5_000 });
    for (const [method, args] of [
      ["nosuch", {}],
      ["cancel_consumer", {}],
      ["pool_shrink", { n: 100 }],
    ] as const) {
      const answers = await ask(method, args);
      for (const node of BOTH) expect(answers.get(node), `${method} ${node}`).toEqual({ error: text });
    }
    expect((await ask("ping")).size).toBe(2);
  });

  it("leaves no reply box behind, of those who asked or answered", async () => {
    await shop.app.control.ask("ping", {}, { limit: 2 });
    await celery("inspect", "ping");
    await eventually(async () => expect(await replyBoxes()).toEqual([]));
  });

  it("one `celery control shutdown` ends both kinds of worker", async () => {
    await shop.celery("control", "shutdown", "-t", "0.2").catch(() => undefined); // it fails when nobody replies, as nobody does
    await eventually(
      async () => expect([...(await shop.app.control.ask("ping", {}, { timeoutMs: 300 })).keys()]).toEqual([]),
      { timeoutMs: 20_000 },
    );
  });
});

function isFirstOfMethod({ method }: Row, index: number, rows: readonly Row[]): boolean {
  return rows.findIndex((row) => row.method === method) === index;
}
