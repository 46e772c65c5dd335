import { expect, it } from "vitest";
import { Database } from "../../src/adapters/sqlite/database.ts";
import { loadDriver } from "../../src/adapters/sqlite/driver.ts";
import { GroupCommit } from "../../src/adapters/sqlite/group-commit.ts";
import type { Durability, Sql } from "../../src/adapters/sqlite/shared-database.ts";
import { BrokerUnavailableError } from "../../src/broker/errors.ts";
import type { Abortable } from "../../src/util/abortable.ts";
import { systemClock } from "../../src/util/clock.ts";
import { sqliteFile } from "../support/sqlite-file.ts";

const NOTE = "INSERT INTO claims (key, owner, expires_at) VALUES (?, 'test', 0)";

it("commits what one turn brings in one transaction, and each has its own result", async () => {
  await using stage = await openStage();
  expect(await Promise.all([stage.group.add(note("a")), stage.group.add(note("b"))])).toEqual(["a", "b"]);
  expect(stage.database.transactions).toBe(1);
  expect(await stage.notes()).toEqual(["a", "b"]);
});

it("takes back what one member did that throws, and nothing else", async () => {
  await using stage = await openStage();
  const bad = (sql: Sql): never => {
    note("bad")(sql);
    throw new Error("refused");
  };
  const outcomes = await Promise.allSettled([note("a"), bad, note("b")].map((work) => stage.group.add<unknown>(work)));
  expect(outcomes).toMatchObject([{ value: "a" }, { reason: new Error("refused") }, { value: "b" }]);
  expect(await stage.notes()).toEqual(["a", "b"]);
});

it("lets those in who come while the file is locked, and waits no longer for it than for the first", async () => {
  await using stage = await openStage();
  const lock = loadDriver().open(stage.path);
  lock.exec("BEGIN IMMEDIATE");
  const first = stage.group.add(note("a"));
  await systemClock.sleep(100);
  const second = stage.group.add(note("b"));
  await systemClock.sleep(100);
  lock.exec("COMMIT");
  lock.close();
  await Promise.all([first, second]);
  expect(stage.database.transactions).toBe(1);
});

it("rejects all that wait once the file is closed", async () => {
  await using stage = await openStage();
  const outcome = Promise.allSettled([stage.group.add(note("a")), stage.group.add(note("b"))]);
  await stage.database[Symbol.asyncDispose]();
  const unavailable = { status: "rejected", reason: expect.any(BrokerUnavailableError) as Error };
  expect(await outcome).toEqual([unavailable, unavailable]);
});

function note(key: string) {
  return (sql: Sql): string => {
    sql(NOTE).run(key);
    return key;
  };
}

class CountingDatabase extends Database {
  transactions = 0;

  override transaction<T>(durability: Durability, work: (sql: Sql) => T, options?: Abortable): Promise<T> {
    this.transactions += 1;
    return super.transaction(durability, work, options);
  }
}

async function openStage() {
  const file = await sqliteFile();
  const unavailable = (detail: string): Error => new BrokerUnavailableError(file.path, detail);
  const database = new CountingDatabase({ path: file.path, clock: systemClock, unavailable });
  await database.open();
  return {
    path: file.path,
    database,
    group: new GroupCommit(database),
    notes: async () => {
      const rows = await database.read((sql) =>
        sql<{ readonly key: string }>("SELECT key FROM claims ORDER BY key").all(),
      );
      return rows.map(({ key }) => key);
    },
    [Symbol.asyncDispose]: async () => {
      await database[Symbol.asyncDispose]();
      await file[Symbol.asyncDispose]();
    },
  };
}
