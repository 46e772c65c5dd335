import { renameSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Database, type DatabaseOptions } from "../../src/adapters/sqlite/database.ts";
import { systemClock as clock } from "../../src/util/clock.ts";
import { sqliteFile } from "../support/sqlite-file.ts";

/** `PRAGMA synchronous`: in WAL mode, FULL syncs the log with every commit, NORMAL with checkpoints only. https://sqlite.org/pragma.html */
const [NORMAL, FULL] = [1, 2];

describe("what an SQLite file keeps with synchronous=normal", () => {
  it.each([
    ["durable", FULL],
    ["crash-safe", NORMAL],
  ] as const)("is committed as %s", async (durable, level) => {
    await using file = await sqliteFile();
    await using database = openDatabase(file.path, durable);
    expect(await levelOf(database)).toBe(level);
  });

  it("never goes to a file that was replaced", async () => {
    await using file = await sqliteFile();
    await using database = openDatabase(file.path, "crash-safe");
    await levelOf(database);
    renameSync(file.path, `${file.path}.old`);
    await expect(levelOf(database)).rejects.toThrow("removed or replaced");
    expect(await levelOf(database)).toBe(NORMAL);
  });
});

function openDatabase(path: string, durable: DatabaseOptions["durable"]): Database {
  const unavailable = (detail: string): Error => new Error(detail);
  return new Database({ path, clock, unavailable, ...(durable === undefined ? {} : { durable }) });
}

/** How a commit that is asked to be durable is synced. */
function levelOf(database: Database): Promise<number | undefined> {
  return database.transaction(
    "durable",
    (sql) => sql<{ readonly synchronous: number }>("PRAGMA synchronous").get()?.synchronous,
  );
}
