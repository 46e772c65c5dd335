import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { postgres } from "../../src/adapters/postgres/index.ts";
import { Celeriac } from "../../src/app/celeriac.ts";
import type { ResultBackend } from "../../src/backend/result-backend.ts";
import { systemClock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { Worker } from "../../src/worker/worker.ts";
import { metaOf } from "../support/canvas-results.ts";
import { eventually } from "../support/eventually.ts";
import { HAS_POSTGRES, POSTGRES_URL, postgresPlace, runSql, type PostgresPlace } from "../support/postgres-places.ts";
import { PythonProcess } from "../support/python-process.ts";
import { DJANGO_RESULTS, pythonOf } from "../support/python.ts";

const PYTHON = pythonOf(DJANGO_RESULTS);

describe.skipIf(PYTHON === "" || !HAS_POSTGRES)("results for Django", () => {
  /** Django's own schema, with a name that has to be quoted. */
  let tables: PostgresPlace;
  let place: PostgresPlace;
  let python: DjangoInPython;

  beforeAll(async () => {
    tables = postgresPlace();
    place = postgresPlace();
    await runSql(`CREATE SCHEMA ${tables.schema}`);
    python = new DjangoInPython(tables.schema);
    await python.do("migrate");
  });
  afterAll(async () => {
    await python[Symbol.asyncDispose]();
    await place[Symbol.asyncDispose]();
    await tables[Symbol.asyncDispose]();
  });

  const adapterOf = () => postgres({ ...place, djangoSchema: tables.schema, maxConnections: 2 });
  const backendOf = (): ResultBackend => {
    const create = adapterOf().createResultBackend;
    if (create === undefined) throw new Error("absent");
    return create({ clock: systemClock, log, resultExpiresMs: 86_400_000 });
  };

  it("what a worker stores is what AsyncResult of a Django project reads: success, failure and retry", async () => {
    const app = new Celeriac(
      { broker: "memory:", resultBackend: adapterOf(), resultExtended: true, taskTrackStarted: true },
      { env: {}, log },
    );
    const add = app.task("add", async (a: number, b: number) => ({ sum: a + b, text: 'ünï\0 "🥕"' }));
    const fail = app.task("fail", async (message: string) => {
      throw new RangeError(message);
    });
    const later = app.task("later", { bind: true }, async (ctx) => {
      throw ctx.retry({ delayMs: 3_600_000, error: new Error("not yet") });
    });
    const worker = new Worker(app, { livenessThread: false });
    await worker.start();
    try {
      const sums = await add.delay(1, 2);
      await sums.get();
      expect(await python.do("read", sums.id)).toEqual({
        value: { sum: 3, text: 'ünï\0 "🥕"' },
        state: "SUCCESS",
        traceback: null,
        children: [],
      });
      expect(await python.do("row", sums.id)).toEqual({
        name: "add",
        args: "[1,2]",
        kwargs: "{}",
        worker: expect.stringMatching(/@/) as string,
        wasStarted: true,
        isDone: true,
      });
      const failed = await fail.delay("too much");
      await expect(failed.get()).rejects.toThrow("too much");
      await expect(python.do("get", failed.id)).rejects.toThrow(/RangeError.*too much/);
      expect(await python.do("read", failed.id)).toMatchObject({
        state: "FAILURE",
        traceback: expect.stringMatching(/RangeError: too much/) as string,
      });
      const { id } = await later.delay();
      await eventually(async () =>
        expect(await python.do("look", id)).toMatchObject({ state: "RETRY", value: { text: "not yet" } }),
      );
    } finally {
      await worker.stop({ graceMs: 0 });
      await app.close();
    }
  });

  it("both tables tell the same: of a retry, of a success that stands, of a run that was overtaken, and of what is forgotten", async () => {
    await using backend = backendOf();
    const retry = { exc_type: "Retry", exc_message: ["later"], exc_module: "celery.exceptions" };
    await backend.store([{ ...metaOf("retry", retry, "RETRY"), traceback: "Trace\0back" }, metaOf("stands", 1)]);
    expect(await python.do("look", "retry")).toEqual({ state: "RETRY", value: { class: "Retry", text: "later" } });
    await backend.store([metaOf("stands", null, "REVOKED"), { ...metaOf("fenced", 2, "STARTED"), fence: 2 }]);
    expect(await backend.store([{ ...metaOf("fenced", 1, "FAILURE"), fence: 1 }])).toEqual(["fenced"]);
    expect(await python.do("look", "stands")).toEqual({ state: "SUCCESS", value: 1 });
    expect(await python.do("look", "fenced")).toEqual({ state: "STARTED", value: 2 });
    const long = "x".repeat(300);
    await backend.store([metaOf(long, 1), metaOf("nan", [NaN, 2n ** 70n])]);
    expect((await backend.fetch([long])).size).toBe(1);
    expect(await python.do("count", ["retry", "stands", "fenced", "nan", long])).toBe(4);
    await backend.forget(["retry", "stands"]);
    expect(await python.do("count", ["retry", "stands", "fenced"])).toBe(1);
  });

  it("a group that is saved can be restored in Python, until it is forgotten", async () => {
    await using backend = backendOf();
    const member = (id: string) => ({ id, parent: null, members: null });
    await backend.store([metaOf("m1", 1), metaOf("m2", 2)]);
    for (const ids of [["m1"], ["m1", "m2"]]) {
      await backend.groups.save({ id: "g", parent: null, members: ids.map(member) });
      expect(await python.do("group", "g")).toEqual({ ids, values: ids.map((_, index) => index + 1) });
    }
    await backend.groups.forget(["g"]);
    expect(await python.do("group", "g")).toBeNull();
  });

  it("what Python cleans up is gone for Python, and stays here until it expires", async () => {
    await using backend = backendOf();
    await backend.store([metaOf("old", 1)]);
    await python.do("clean_up");
    expect(await python.do("count", ["old"])).toBe(0);
    expect((await backend.fetch(["old"])).size).toBe(1);
    await backend.store([metaOf("new", 1)]);
    expect(await python.do("get", "new")).toBe(1);
  });

  it("where Django has made no tables, opening says what to run", async () => {
    const { createResultBackend } = postgres({ url: `${place.url}?django_schema=Nowhere`, schema: place.schema });
    await using backend = createResultBackend?.({ clock: systemClock, log, resultExpiresMs: 1_000 });
    await expect(backend?.open()).rejects.toThrow(
      /no table "Nowhere"\.django_celery_results_taskresult.*python manage\.py migrate/,
    );
  });
});

class DjangoInPython implements AsyncDisposable {
  readonly #process: PythonProcess;

  constructor(schema: string) {
    const { hostname, port, username, password, pathname } = new URL(POSTGRES_URL);
    const database = {
      HOST: hostname,
      PORT: port,
      USER: decodeURIComponent(username),
      PASSWORD: decodeURIComponent(password),
      NAME: pathname.slice(1),
    };
    const program = join(import.meta.dirname, "python/django_results.py");
    this.#process = new PythonProcess({ python: PYTHON, args: [program, JSON.stringify(database), schema] });
  }

  do(what: string, ...args: readonly unknown[]): Promise<unknown> {
    return this.#process.ask({ do: what, with: args });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#process[Symbol.asyncDispose]();
  }
}
