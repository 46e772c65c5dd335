import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect } from "vitest";
import { openCliBed, type CliBed } from "../support/cli.ts";
import { POSTGRES_URL, postgresPlace, runSql } from "../support/postgres-places.ts";
import { it } from "../support/with-postgres.ts";

const TASKS = `app.task("test.add", { params: ["x", "y"] }, (x: number, y: number) => x + y);`;

let bed: CliBed;
beforeAll(async () => {
  bed = await openCliBed(TASKS);
});
afterAll(() => bed[Symbol.asyncDispose]());

it("celeriac postgres roles and migrate make a place for workers that may do no more than they need", async () => {
  await using place = postgresPlace();
  const roles = ["migrator", "worker", "reader"].map((role) => `test_${randomUUID().slice(0, 8)}_${role}`);
  const [migrator = "", worker = "", reader = ""] = roles;
  const password = randomUUID();
  const urlOf = (role: string): string => {
    const url = new URL(POSTGRES_URL);
    url.username = role;
    url.password = password;
    return `${url.href}?schema=${place.schema}`;
  };
  const names = ["--schema", place.schema, "--migrator", migrator, "--worker", worker, "--reader", reader];
  const printed = await bed.celeriac("postgres", "roles", ...names);
  expect(printed).toMatchObject({ code: 0, stderr: "" });
  await runSql(printed.stdout);
  try {
    for (const role of roles) await runSql(`ALTER ROLE ${role} PASSWORD '${password}'`);
    const tooEarly = await bed.withApp("--result-backend", urlOf(worker), "postgres", "migrate");
    expect(tooEarly.code).toBe(1);
    expect(tooEarly.stderr).toContain(`which belongs to "${migrator}"`);
    const migrate = ["--result-backend", urlOf(migrator), "postgres", "migrate"];
    expect((await bed.celeriac(...migrate)).stdout).toBe(
      `The schema ${place.schema} is of version 1 now, and was not there.\n`,
    );
    expect((await bed.celeriac(...migrate)).stdout).toBe(`The schema ${place.schema} is up to date: version 1.\n`);
    expect(JSON.parse((await bed.celeriac(...migrate, "--json")).stdout)).toEqual({
      schema: place.schema,
      from: 1,
      to: 1,
    });
    await using running = await bed.worker(["--result-backend", urlOf(worker)]);
    const call = ["call", "test.add", "--args", "[1, 2]", "--wait", "20"];
    expect((await bed.withApp("--result-backend", urlOf(reader), ...call)).stdout).toBe("3\n");
    expect(await running.stop()).toBe(0);
  } finally {
    await place[Symbol.asyncDispose]();
    await runSql(`DROP OWNED BY ${roles.join(", ")}; DROP ROLE ${roles.join(", ")}`);
  }
});

it("celeriac postgres migrate says what it needs", async () => {
  const elsewhere = await bed.withApp("postgres", "migrate");
  expect(elsewhere.code).toBe(2);
  expect(elsewhere.stderr).toContain("The result backend is sqlite:celeriac.db, no Postgres: give --result-backend");
  const nowhere = await bed.celeriac("postgres", "migrate");
  expect(nowhere.code).toBe(2);
  expect(nowhere.stderr).toContain("There is no result backend: give --result-backend");
});

it("celeriac postgres roles refuses names that are not plain", async () => {
  const { code, stderr } = await bed.celeriac("postgres", "roles", "--worker", "Bob's");
  expect(code).toBe(2);
  expect(stderr).toContain(`--worker is "Bob's". A name has small letters`);
});
