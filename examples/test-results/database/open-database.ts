import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseUnavailableError, type Database } from "./database.ts";
import { migrate } from "./migrate.ts";
import { PostgresDatabase } from "./postgres.ts";
import { SqliteDatabase } from "./sqlite.ts";

const RETRY_MS = 500;

/** How long the database may take to come up, in milliseconds. */
const PATIENCE_MS = Number(process.env["DATABASE_PATIENCE_MS"] ?? 30_000);

/** The database at `url`: `sqlite:PATH` or `postgres://…`. Opens nothing yet. */
export function databaseAt(url: string): Database {
  if (url.startsWith("sqlite:")) return new SqliteDatabase(url.slice("sqlite:".length));
  if (/^postgres(ql)?:/.test(url)) return new PostgresDatabase(url);
  throw new Error("DATABASE_URL must start with sqlite: or postgres://.");
}

/** Resolves once the database answers and has the current schema; rejects with DatabaseUnavailableError when it takes too long. */
export async function waitForDatabase(database: Database, patienceMs = PATIENCE_MS): Promise<void> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    try {
      await migrate(database);
      return;
    } catch (error) {
      if (!(error instanceof DatabaseUnavailableError) || performance.now() > deadline) throw error;
    }
    await sleep(RETRY_MS);
  }
}
