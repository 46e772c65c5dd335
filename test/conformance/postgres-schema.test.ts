import { expect } from "vitest";
import { postgres, type PostgresOptions } from "../../src/adapters/postgres/index.ts";
import type { ResultBackend } from "../../src/backend/result-backend.ts";
import { systemClock, type Clock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { metaOf } from "../support/canvas-results.ts";
import { eventually } from "../support/eventually.ts";
import { postgresPlace, runSql } from "../support/postgres-places.ts";
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
  await runSql(`UPDATE ${place.schema}.chords SET expires_at = now() WHERE id = 'c1'`);
  await using pruning = present(createResultBackend)({ clock: impatient, log, resultExpiresMs: 1 });
  await pruning.open();
  const tables = await tablesOf(place.schema);
  await eventually(async () => {
    for (const table of tables)
      expect([table, (await runSql(`SELECT 1 FROM ${place.schema}.${table}`)).length]).toEqual([table, 1]);
  });
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
