import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect } from "vitest";
import { postgres, type PostgresAdapter } from "../../src/adapters/postgres/index.ts";
import { rolesSql } from "../../src/adapters/postgres/schema/roles.ts";
import { exerciseKeyStore } from "../../src/testing/conformance/exercise-key-store.ts";
import { exerciseResultBackend } from "../../src/testing/conformance/exercise-result-backend.ts";
import { systemClock, type Clock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { metaOf } from "../support/canvas-results.ts";
import { eventually } from "../support/eventually.ts";
import { HAS_POSTGRES, POSTGRES_URL, postgresPlace, runSql } from "../support/postgres-places.ts";
import { recordingLogger } from "../support/recording-logger.ts";
import { it } from "../support/with-postgres.ts";

const PASSWORD = randomUUID();
const NAME = `test_${randomUUID().slice(0, 8)}`;
const ROLES = { migrator: `${NAME}_migrator`, worker: `${NAME}_worker`, reader: `${NAME}_reader` };

beforeAll(async () => {
  if (!HAS_POSTGRES) return;
  for (const role of Object.values(ROLES)) await runSql(`CREATE ROLE ${role} LOGIN NOINHERIT PASSWORD '${PASSWORD}'`);
});
afterAll(async () => {
  if (!HAS_POSTGRES) return;
  const names = Object.values(ROLES).join(", ");
  await runSql(`DROP OWNED BY ${names}; DROP ROLE ${names}`);
});

/** A schema that the migrator has made, and nobody else may change. */
async function preparedPlace() {
  const place = postgresPlace();
  await runSql(rolesSql({ ...ROLES, schema: place.schema }));
  await as("migrator", place.schema).migrate();
  return place;
}

function as(role: keyof typeof ROLES, schema: string): PostgresAdapter {
  const url = new URL(POSTGRES_URL);
  url.username = ROLES[role];
  url.password = PASSWORD;
  return postgres({ url: url.href, schema, maxConnections: 2 });
}

exerciseResultBackend("postgres results under the role of workers", {
  test: it.concurrent,
  createPlace: async () => {
    const place = await preparedPlace();
    const createBackend = ({ resultExpiresMs }: { readonly resultExpiresMs: number }) =>
      present(as("worker", place.schema).createResultBackend)({ clock: systemClock, log, resultExpiresMs });
    return { createBackend, [Symbol.asyncDispose]: () => place[Symbol.asyncDispose]() };
  },
});

exerciseKeyStore("postgres keys under the role of workers", {
  test: it.concurrent,
  createPlace: async () => {
    const place = await preparedPlace();
    const createKeyStore = () => present(as("worker", place.schema).createKeyStore)({ clock: systemClock, log });
    return { createKeyStore, [Symbol.asyncDispose]: () => place[Symbol.asyncDispose]() };
  },
});

it("who works may change no schema, and who reads may change nothing", async () => {
  await using place = await preparedPlace();
  const context = { clock: systemClock, log, resultExpiresMs: 86_400_000 };
  await using working = present(as("worker", place.schema).createResultBackend)(context);
  await using reading = present(as("reader", place.schema).createResultBackend)(context);
  await working.store([metaOf("t", 1)]);
  expect((await reading.fetch(["t"])).get("t")?.result).toBe(1);
  const heard: unknown[] = [];
  await using watch = reading.watch(({ result }) => heard.push(result));
  await watch.add(["t"]);
  expect(heard).toEqual([1]);
  for (const change of [() => reading.store([metaOf("t", 2)]), () => reading.forget(["t"])])
    await expect(change()).rejects.toThrow(/its user may not do what is needed.*celeriac postgres roles/);
  await expect(runAs("worker", `DROP TABLE ${place.schema}.results`)).rejects.toThrow(/must be owner/);
  await expect(runAs("worker", `CREATE TABLE ${place.schema}.mine ()`)).rejects.toThrow(/permission denied/);
  await expect(runAs("worker", `TRUNCATE ${place.schema}.results`)).rejects.toThrow(/permission denied/);
  await expect(runAs("worker", "CREATE SCHEMA celeriac_theirs")).rejects.toThrow(/permission denied/);
  await expect(
    runAs("worker", `CREATE OR REPLACE FUNCTION ${place.schema}.version() RETURNS integer LANGUAGE sql AS 'SELECT 2'`),
  ).rejects.toThrow(/permission denied/);
});

it("a schema that is missing is not made by who may not, who is told what to do", async () => {
  await using place = postgresPlace();
  await expect(as("worker", place.schema).migrate()).rejects.toThrow(
    /its user "\w+_worker" may not make the schema "test_\w+" \(permission denied.*\)\. Run `celeriac postgres migrate` as "\w+", who owns the database, or as a role of `celeriac postgres roles`\./,
  );
});

it("a schema that is another's is not filled by who may not, who is told whose it is", async () => {
  await using place = postgresPlace();
  await runSql(rolesSql({ ...ROLES, schema: place.schema }));
  await expect(as("worker", place.schema).migrate()).rejects.toThrow(
    /its user "\w+_worker" may not make Celeriac's tables in the schema "test_\w+", which belongs to "\w+_migrator" \(permission denied/,
  );
});

it("all goes on where everybody's rights to functions were taken away", async () => {
  await using place = postgresPlace();
  await runSql(`ALTER DEFAULT PRIVILEGES FOR ROLE ${ROLES.migrator} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC`);
  await runSql(rolesSql({ ...ROLES, schema: place.schema }));
  await as("migrator", place.schema).migrate();
  await runSql(`ALTER DEFAULT PRIVILEGES FOR ROLE ${ROLES.migrator} GRANT EXECUTE ON FUNCTIONS TO PUBLIC`);
  const context = { clock: systemClock, log, resultExpiresMs: 86_400_000 };
  await using working = present(as("worker", place.schema).createResultBackend)(context);
  await using reading = present(as("reader", place.schema).createResultBackend)(context);
  await working.store([metaOf("t", 1)]);
  expect((await reading.fetch(["t"])).get("t")?.result).toBe(1);
});

it("who may not delete leaves what has expired to others, and says so once", async () => {
  await using place = await preparedPlace();
  await runSql(
    `INSERT INTO ${place.schema}.results (task_id, state, expires_at, meta) VALUES ('t', 'SUCCESS', now(), '')`,
  );
  const { log: recorder, lines } = recordingLogger();
  let rounds = 0;
  const clock: Clock = {
    now: () => systemClock.now(),
    startTimer: (ms, act) => systemClock.startTimer?.(ms, act) ?? (() => undefined),
    sleep: (ms, options) => {
      if (ms > 20_000) rounds += 1;
      return systemClock.sleep(Math.min(ms, 20), options);
    },
  };
  const { createResultBackend } = as("reader", place.schema);
  await using reading = present(createResultBackend)({ clock, log: recorder, resultExpiresMs: 1_000 });
  await reading.open();
  await eventually(() => expect(rounds).toBeGreaterThan(3));
  expect(lines.map(({ message }) => message)).toEqual([
    "expired rows are left to others, as this user may not delete them",
  ]);
  expect(await runSql(`SELECT 1 FROM ${place.schema}.results`)).toHaveLength(1);
});

it("a schema that somebody else made is the migrator's after the roles were made, twice if need be", async () => {
  await using place = postgresPlace();
  await postgres(place).migrate();
  for (let time = 0; time < 2; time += 1) await runSql(rolesSql({ ...ROLES, schema: place.schema }));
  await runAs("migrator", `ALTER TABLE ${place.schema}.results ADD COLUMN more integer`);
  const { createResultBackend } = as("worker", place.schema);
  await using working = present(createResultBackend)({ clock: systemClock, log, resultExpiresMs: 86_400_000 });
  await working.store([metaOf("t", 1)]);
  expect((await working.fetch(["t"])).size).toBe(1);
});

function runAs(role: keyof typeof ROLES, sql: string): Promise<unknown> {
  const url = new URL(POSTGRES_URL);
  url.username = ROLES[role];
  url.password = PASSWORD;
  return runSql(sql, url.href);
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("absent");
  return value;
}
