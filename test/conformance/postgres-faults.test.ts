import { afterAll, beforeAll, expect } from "vitest";
import { postgres } from "../../src/adapters/postgres/index.ts";
import { ResultBackendUnavailableError } from "../../src/backend/errors.ts";
import type { ResultBackend } from "../../src/backend/result-backend.ts";
import { systemClock, type Clock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { metaOf } from "../support/canvas-results.ts";
import { eventually } from "../support/eventually.ts";
import { FaultyProxy } from "../support/faulty-proxy.ts";
import { postgresPlace, runSql } from "../support/postgres-places.ts";
import { PostgresServer } from "../support/postgres.ts";
import { QuickClock } from "../support/quick-clock.ts";
import { it } from "../support/with-postgres.ts";

/** Undefined where none is installed, as where tests have one in a container. */
let server: PostgresServer | undefined;
beforeAll(async () => {
  server = await PostgresServer.start();
}, 60_000);
afterAll(async () => server?.[Symbol.asyncDispose]());

/** Several processes that store one result after the other, again and again until each is confirmed, and one that waits for them all. */
class Traffic implements AsyncDisposable {
  readonly confirmed = new Map<string, number>();
  readonly heard = new Map<string, unknown>();
  readonly #backends: ResultBackend[];
  readonly #stop = new AbortController();
  readonly #writers: Promise<void>[];
  failures = 0;

  static async start(create: () => ResultBackend): Promise<Traffic> {
    const backends = [create(), create(), create()];
    for (const backend of backends) await backend.open();
    return new Traffic(backends);
  }

  private constructor(backends: ResultBackend[]) {
    this.#backends = backends;
    const [waiting, ...writing] = backends as [ResultBackend, ...ResultBackend[]];
    const watch = waiting.watch(({ taskId, result }) => this.heard.set(taskId, result));
    this.#writers = writing.flatMap((backend, process) =>
      [0, 1, 2, 3].map(async (writer) => {
        for (let count = 0; !this.#stop.signal.aborted; count += 1) {
          const id = `${process}-${writer}-${count}`;
          await this.#persist(() => watch.add([id]));
          await this.#persist(() => backend.store([{ ...metaOf(id, "early", "STARTED"), fence: 1 }]));
          const refused = await this.#persist(() => backend.store([{ ...metaOf(id, count), fence: 1 }]));
          expect(refused).toEqual([]);
          this.confirmed.set(id, count);
        }
      }),
    );
  }

  /** Resolves once so many more are confirmed. */
  async goOn(more = 100): Promise<void> {
    const goal = this.confirmed.size + more;
    await eventually(() => expect(this.confirmed.size).toBeGreaterThan(goal), { timeoutMs: 15_000 });
  }

  /** Whatever was confirmed is there, as it was, and was told. */
  async check(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#writers);
    const found = await (this.#backends[0] as ResultBackend).fetch([...this.confirmed.keys()]);
    for (const [id, value] of this.confirmed) expect(found.get(id)).toMatchObject({ state: "SUCCESS", result: value });
    await eventually(() => {
      for (const [id, value] of this.confirmed) expect(this.heard.get(id)).toBe(value);
    });
  }

  async #persist<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof ResultBackendUnavailableError)) throw error;
        this.failures += 1;
        await systemClock.sleep(20);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#writers);
    for (const backend of this.#backends) await backend[Symbol.asyncDispose]();
  }
}

it("connections that are killed while results are written and waited for lose none and change none", async () => {
  await using place = postgresPlace();
  const url = `${place.url}?application_name=${place.schema}`;
  await using traffic = await Traffic.start(() => backendOf({ url, schema: place.schema }));
  for (let round = 0; round < 10; round += 1) {
    await traffic.goOn();
    await runSql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '${place.schema}'`);
  }
  await traffic.goOn();
  await traffic.check();
  expect(traffic.failures).toBeGreaterThan(0);
});

it.for(["SIGINT", "SIGQUIT"] as const)(
  "a server that is restarted (%s) while results are written and waited for loses none and changes none",
  async (signal, { skip }) => {
    const own = server ?? skip("no PostgreSQL is installed");
    await using traffic = await Traffic.start(() => backendOf({ url: own.url, schema: signal.toLowerCase() }));
    for (let round = 0; round < 3; round += 1) {
      await traffic.goOn();
      await own.stop(signal);
      await systemClock.sleep(100);
      await own.start();
    }
    await traffic.goOn();
    await traffic.check();
    expect(traffic.failures).toBeGreaterThan(0);
  },
);

it("a result that is stored while the connection that waits is cut is told once there is another", async () => {
  await using place = postgresPlace();
  await using waiting = backendOf({ ...place, url: `${place.url}?application_name=${place.schema}` });
  await using storing = backendOf(place);
  const heard = new Map<string, unknown>();
  await using watch = waiting.watch(({ taskId, result }) => heard.set(taskId, result));
  await watch.add(["t", "u"]);
  const cut = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '${place.schema}'`;
  await Promise.all([runSql(cut), storing.store([metaOf("t", 1)])]);
  await eventually(() => expect(heard.get("t")).toBe(1));
  await storing.store([metaOf("u", 2)]);
  await eventually(() => expect(heard.get("u")).toBe(2));
});

it("a network that lets nothing through keeps nobody waiting for long, and all goes on when it does", async () => {
  await using place = postgresPlace();
  const { hostname, port } = new URL(place.url);
  expect(hostname).toMatch(/^(127\.0\.0\.1|localhost)$/);
  await using proxy = await FaultyProxy.before(Number(port));
  const url = new URL(place.url);
  url.port = String(proxy.port);
  // Six times as fast: a silence of 12 s is one of 2 s.
  const adapter = postgres({ url: url.href, schema: place.schema });
  await using backend = present(adapter.createResultBackend)({
    clock: new QuickClock(6),
    log,
    resultExpiresMs: 86_400_000,
  });
  await backend.open();
  const heard = new Map<string, unknown>();
  await using watch = backend.watch(({ taskId, result }) => heard.set(taskId, result));
  await watch.add(["t"]);
  proxy.set("stall");
  const began = performance.now();
  await expect(backend.store([metaOf("t", 1)])).rejects.toThrow(/silent for 12 s.*may be done or not/);
  await expect(backend.fetch(["t"])).rejects.toThrow(ResultBackendUnavailableError);
  expect(performance.now() - began).toBeLessThan(8_000);
  proxy.set("none");
  proxy.reset();
  await eventually(() => backend.store([metaOf("t", 1)]), { timeoutMs: 10_000 });
  await eventually(() => expect(heard.get("t")).toBe(1));
});

it("what is asked of a server that is away says so, may come back, and does when the server does", async ({ skip }) => {
  const own = server ?? skip("no PostgreSQL is installed");
  await using backend = backendOf({ url: own.url, schema: "away" });
  await backend.open();
  await own.stop();
  await expect(backend.fetch(["t"])).rejects.toMatchObject({
    mayComeBack: true,
    code: "CELERIAC_RESULT_BACKEND_UNAVAILABLE",
  });
  await expect(backend.store([metaOf("t", 1)])).rejects.toThrow(ResultBackendUnavailableError);
  await own.start();
  await eventually(() => backend.store([metaOf("t", 1)]));
  expect((await backend.fetch(["t"])).get("t")?.result).toBe(1);
});

it("a server that is away when it is opened is tried again at the next opening", async () => {
  await using place = postgresPlace();
  const url = new URL(place.url);
  await using proxy = await FaultyProxy.before(Number(url.port));
  url.port = String(proxy.port);
  await using backend = backendOf({ url: url.href, schema: place.schema });
  proxy.set("refuse");
  await expect(backend.open()).rejects.toMatchObject({ mayComeBack: true });
  proxy.set("none");
  await backend.open();
  await backend.store([metaOf("t", 1)]);
});

it("an event loop that is blocked while a connection opens is no silence of the server", async () => {
  await using place = postgresPlace();
  const { createResultBackend } = postgres({ ...place, maxConnections: 1 });
  const clock: Clock = {
    now: () => systemClock.now(),
    startTimer: (ms, act) => systemClock.startTimer?.(ms === 5_000 ? 100 : ms, act) ?? (() => undefined),
    sleep: (ms, options) => systemClock.sleep(ms, options),
  };
  await using backend = present(createResultBackend)({ clock, log, resultExpiresMs: 86_400_000 });
  const opening = backend.open();
  await new Promise((resolve) => setImmediate(resolve));
  const till = performance.now() + 300;
  while (performance.now() < till);
  await opening;
});

it("who is disposed of while it waits to migrate does not go on waiting", async () => {
  await using place = postgresPlace();
  const nameOf = (name: string): string => `${place.url}?application_name=${name}_${place.schema.slice(0, 20)}`;
  const holding = runSql(
    `SELECT pg_advisory_lock(hashtextextended('${place.schema}.migrate', 0)); SELECT pg_sleep(60)`,
    nameOf("holder"),
  ).catch(() => undefined);
  const adapter = postgres({ url: nameOf("waiter"), schema: place.schema });
  await eventually(async () => {
    expect(
      await runSql(`SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'holder_%' AND wait_event = 'PgSleep'`),
    ).not.toEqual([]);
  });
  const backend = present(adapter.createResultBackend)({ clock: new QuickClock(6), log, resultExpiresMs: 1_000 });
  const stored = expect(backend.store([metaOf("t", 1)])).rejects.toThrow(/closed in this process/);
  const waits = `SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'waiter_${place.schema.slice(0, 20)}' AND wait_event = 'advisory'`;
  await eventually(async () => expect(await runSql(waits)).toHaveLength(1));
  await backend[Symbol.asyncDispose]();
  await stored;
  const isHeld = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holder_${place.schema.slice(0, 20)}'`;
  expect(await runSql(isHeld)).toHaveLength(1);
  await holding;
});

it("users, passwords and databases that are wrong are named, and do not come back by themselves", async () => {
  await using place = postgresPlace();
  const url = new URL(place.url);
  url.pathname = "/no_such_database";
  const backend = backendOf({ url: url.href, schema: place.schema });
  await expect(backend.open()).rejects.toThrow(/has no such database/);
  await expect(backend.open()).rejects.toMatchObject({ mayComeBack: false });
});

it("what one result has wrong is its own affair", async () => {
  await using place = postgresPlace();
  await using backend = backendOf(place);
  const stored = await Promise.allSettled([
    backend.store([metaOf("good", 1)]),
    backend.store([metaOf("no\u0000id", 2)]),
    backend.store([metaOf("other", 3)]),
  ]);
  expect(stored.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect((await backend.fetch(["good", "no\u0000id", "other"])).size).toBe(2);
});

function backendOf(options: { readonly url: string; readonly schema: string }): ResultBackend {
  const { createResultBackend } = postgres({ ...options, maxConnections: 2 });
  return present(createResultBackend)({ clock: systemClock, log, resultExpiresMs: 86_400_000 });
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("absent");
  return value;
}
