import { expect } from "vitest";
import { postgres, type PostgresOptions } from "../../src/adapters/postgres/index.ts";
import type { ResultBackend } from "../../src/backend/result-backend.ts";
import { systemClock, type Clock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { metaOf } from "../support/canvas-results.ts";
import { eventually } from "../support/eventually.ts";
import { postgresPlace, runSql } from "../support/postgres-places.ts";
import { recordingLogger } from "../support/recording-logger.ts";
import { it } from "../support/with-postgres.ts";

it("of many that find no schema at once, each works on the same one", async () => {
  await using place = postgresPlace();
  const backends = Array.from({ length: 8 }, () => backendOf(place));
  await Promise.all(backends.map((backend, index) => backend.store([metaOf(`t${index}`, index)])));
  for (const backend of backends)
    expect((await backend.fetch(backends.map((_, index) => `t${index}`))).size).toBe(backends.length);
  for (const backend of backends) await backend[Symbol.asyncDispose]();
  expect(await runSql(`SELECT ${place.schema}.version()`)).toEqual([{ version: 1 }]);
});

it("a schema that a newer version has made is refused, and nothing of it is touched", async () => {
  await using place = postgresPlace();
  await using before = backendOf(place);
  await before.open();
  await runSql(`CREATE OR REPLACE FUNCTION ${place.schema}.version() RETURNS integer LANGUAGE sql AS 'SELECT 1000'`);
  await using backend = backendOf(place);
  await expect(backend.open()).rejects.toThrow(
    /made by a newer Celeriac \(version 1000, this one knows 1\)\. Update this one\./,
  );
  await expect(backend.open()).rejects.toMatchObject({
    code: "CELERIAC_RESULT_BACKEND_UNAVAILABLE",
    mayComeBack: false,
  });
  await expect(postgres(place).migrate()).rejects.toThrow(/newer/);
});

it("a schema that is missing is not made by who may not, who is told the command that makes it", async () => {
  await using place = postgresPlace();
  await using backend = backendOf({ ...place, migrate: false });
  await expect(backend.open()).rejects.toThrow(
    /has no schema "test_\w+" of Celeriac's\. Run `celeriac postgres migrate`/,
  );
  const adapter = postgres({ ...place, migrate: false });
  expect(await adapter.migrate()).toEqual({ from: 0, to: 1 });
  expect(await adapter.migrate()).toEqual({ from: 1, to: 1 });
  await backend.open();
  await backend.store([metaOf("t", 1)]);
});

it("a schema with another program's tables is left alone", async () => {
  await using place = postgresPlace();
  await runSql(`CREATE SCHEMA ${place.schema}; CREATE TABLE ${place.schema}.results (theirs integer)`);
  await using backend = backendOf(place);
  await expect(backend.open()).rejects.toThrow(/has tables of another program/);
  expect(await tablesOf(place.schema)).toEqual(["results"]);
});

it("a schema that is dropped while it is used is made anew at the next use", async () => {
  await using place = postgresPlace();
  await using backend = backendOf(place);
  await backend.store([metaOf("t", 1)]);
  await runSql(`DROP SCHEMA ${place.schema} CASCADE`);
  await expect(backend.store([metaOf("t", 2)])).rejects.toThrow(/Run `celeriac postgres migrate`/);
  await backend.store([metaOf("t", 2)]);
  expect((await backend.fetch(["t"])).get("t")?.result).toBe(2);
});

it("what has expired is deleted, and nothing else", async () => {
  await using place = postgresPlace();
  const { createResultBackend, createKeyStore } = postgres({ ...place, maxConnections: 2 });
  await using backend = present(createResultBackend)({ clock: systemClock, log, resultExpiresMs: 1 });
  await using kept = backendOf(place);
  await using keys = present(createKeyStore)({ clock: systemClock, log });
  await leave(backend, 1);
  await keys.claim("old", "me", 1);
  await keys.takeTurn("old", { everyMs: 1, withinMs: 0 });
  await leave(kept, 86_400_000);
  await keys.claim("kept", "me", 86_400_000);
  await keys.takeTurn("kept", { everyMs: 86_400_000, withinMs: 0 });
  // Chords live for a day at least.
  await runSql(`UPDATE ${place.schema}.chords SET expires_at = now(), prune_at = now() WHERE id = 'c1'`);
  await using pruning = present(createResultBackend)({ clock: impatient, log, resultExpiresMs: 1 });
  await pruning.open();
  const tables = await tablesOf(place.schema);
  await eventually(async () => {
    for (const table of tables)
      expect([table, (await runSql(`SELECT 1 FROM ${place.schema}.${table}`)).length]).toEqual([table, 1]);
  });
});

it("expired rows that take too long to delete together are deleted in smaller parts, and it is said", async () => {
  await using place = postgresPlace();
  await postgres(place).migrate();
  await runSql(`
    INSERT INTO ${place.schema}.results (task_id, state, expires_at, meta) SELECT n, 'SUCCESS', now(), '' FROM generate_series(1, 300) n;
    INSERT INTO ${place.schema}.turns (key, turn_at, expires_at) VALUES ('t', now(), now());
    CREATE FUNCTION ${place.schema}.take_time() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF (SELECT count(*) FROM gone) > 50 THEN RAISE EXCEPTION 'too many' USING ERRCODE = '57014'; END IF;
      RETURN NULL;
    END $$;
    CREATE TRIGGER slow AFTER DELETE ON ${place.schema}.results REFERENCING OLD TABLE AS gone
      FOR EACH STATEMENT EXECUTE FUNCTION ${place.schema}.take_time()`);
  const { log: recorder, lines } = recordingLogger();
  const { createResultBackend } = postgres({ ...place, maxConnections: 2 });
  await using backend = present(createResultBackend)({ clock: impatient, log: recorder, resultExpiresMs: 1_000 });
  await backend.open();
  await eventually(async () => {
    for (const table of ["results", "turns"])
      expect(await runSql(`SELECT 1 FROM ${place.schema}.${table}`)).toEqual([]);
  });
  const warnings = lines.filter(({ message }) => message === "expired rows cannot be deleted");
  expect(warnings[0]?.fields).toMatchObject({
    kind: "results",
    error: expect.stringMatching(/took too long/) as string,
  });
});

it("an expired chord of many members is deleted in parts, itself last, and one that still lives is left", async () => {
  await using place = postgresPlace();
  await postgres(place).migrate();
  const prune = async () => {
    const rows = await runSql<{ readonly n: number }>(`SELECT ${place.schema}.prune_chords(1000) AS n`);
    return rows[0]?.n;
  };
  await runSql(`
    INSERT INTO ${place.schema}.chords (id, expires_at, prune_at) VALUES ('old', now(), now()), ('kept', now() + interval '1 day', now());
    INSERT INTO ${place.schema}.chord_parts (chord, place, task_id, part) SELECT 'old', n, n, '' FROM generate_series(1, 2500) n;
    INSERT INTO ${place.schema}.chord_parts (chord, place, task_id, part) VALUES ('kept', 1, 't', '')`);
  expect([await prune(), await prune(), await prune(), await prune()]).toEqual([1000, 1000, 500, 0]);
  expect(await runSql(`SELECT id FROM ${place.schema}.chords`)).toEqual([{ id: "kept" }]);
  expect(await runSql(`SELECT chord FROM ${place.schema}.chord_parts`)).toEqual([{ chord: "kept" }]);
});

it("who joins a chord changes no index of it", async () => {
  await using place = postgresPlace();
  const backend = backendOf(place);
  const chordIds = Array.from({ length: 40 }, (_, index) => `chord-${index}`);
  await backend.chords.begin(chordIds.map((chordId) => ({ chordId, size: 100, deadline: null })));
  for (let index = 0; index < 10; index += 1) {
    const outcome = { state: "SUCCESS", result: 1 };
    await Promise.all(chordIds.map((chordId) => backend.chords.join({ chordId, taskId: `t${index}`, index }, outcome)));
  }
  // A connection that ends tells the server what it has done.
  await backend[Symbol.asyncDispose]();
  await eventually(async () => {
    const [counts] = await runSql<{ readonly updated: number; readonly hot: number }>(
      `SELECT n_tup_upd::integer AS updated, n_tup_hot_upd::integer AS hot FROM pg_stat_user_tables
       WHERE schemaname = '${place.schema}' AND relname = 'chords'`,
    );
    expect(counts?.updated).toBeGreaterThanOrEqual(400);
    expect(counts?.hot).toBeGreaterThanOrEqual(360);
  });
});

it.for(["user", "select"])("a schema may have a name that SQL has for itself: %s", async (schema) => {
  const drop = `DROP SCHEMA IF EXISTS "${schema}" CASCADE`;
  await runSql(drop);
  const { createResultBackend, createKeyStore } = postgres({ url: postgresPlace().url, schema, maxConnections: 2 });
  {
    await using backend = present(createResultBackend)({ clock: impatient, log, resultExpiresMs: 86_400_000 });
    await using keys = present(createKeyStore)({ clock: impatient, log });
    const heard: unknown[] = [];
    await using watch = backend.watch(({ result }) => heard.push(result));
    await watch.add(["t86400000"]);
    await leave(backend, 86_400_000);
    await eventually(() => expect(heard).toContain(1));
    expect(await backend.groups.restore("g86400000")).toMatchObject({ id: "g86400000" });
    expect(await backend.canvases.load("v86400000", 0, 1)).toEqual(["1"]);
    expect(await backend.chords.takeOverdue({ limit: 1 })).toEqual([]);
    expect(await keys.claim("key", "me", 60_000)).toBe(true);
    expect(await keys.renew("key", "me", 60_000)).toBe(true);
    expect((await keys.read(["key"])).size).toBe(1);
    expect(await keys.mayHave("k")).toBe(true);
    expect(await keys.release("key", "me")).toBe(true);
    expect((await keys.takeTurn("key", { everyMs: 1, withinMs: 0 })).isTaken).toBe(true);
    await eventually(async () => expect(await runSql(`SELECT 1 FROM "${schema}".turns`)).toEqual([]));
    await backend.forget(["t86400000"]);
  }
  await runSql(drop);
});

/** Its rounds of a minute come at once; deadlines are as long as ever. */
const impatient: Clock = {
  now: () => systemClock.now(),
  startTimer: (ms, act) => systemClock.startTimer?.(ms, act) ?? (() => undefined),
  sleep: (ms, options) => systemClock.sleep(Math.min(ms, 50), options),
};

/** One row in each table. */
async function leave(backend: ResultBackend, lifeMs: number): Promise<void> {
  const body = { task: "body", args: [], kwargs: {}, options: {}, subtask_type: null, immutable: false };
  const chordId = `c${lifeMs}`;
  await backend.store([metaOf(`t${lifeMs}`, 1)]);
  await backend.groups.save({ id: `g${lifeMs}`, parent: null, members: [] });
  await backend.chords.begin([{ chordId, size: 2, deadline: { ms: 3_600_000, body, rootId: null } }]);
  await backend.chords.grow(chordId, ["more"]);
  await backend.chords.join({ chordId, taskId: "m", index: 0 }, { state: "SUCCESS", result: 1 });
  await backend.canvases.save({ id: `v${lifeMs}`, parts: ["1"], lifeMs });
}

async function tablesOf(schema: string): Promise<readonly string[]> {
  const rows = await runSql<{ readonly name: string }>(
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = '${schema}' ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}

function backendOf(options: PostgresOptions): ResultBackend {
  const { createResultBackend } = postgres({ ...options, maxConnections: 2 });
  return present(createResultBackend)({ clock: systemClock, log, resultExpiresMs: 86_400_000 });
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("absent");
  return value;
}
