import type { Database } from "./database.ts";
import { inTransaction } from "./transaction.ts";
import type { Transaction } from "./transaction.ts";

/** Each is applied once, in this order. Written for both databases: ids and times (ISO 8601, UTC) are text. */
const MIGRATIONS: readonly ((db: Transaction) => Promise<unknown>)[] = [
  (db) => db.sql`
    CREATE TABLE files (
      id text PRIMARY KEY,
      name text NOT NULL,
      bytes integer NOT NULL,
      state text NOT NULL CHECK (state IN ('pending', 'imported', 'failed')),
      reason text,
      created_at text NOT NULL
    )`,
  (db) => db.sql`
    CREATE TABLE runs (
      id text PRIMARY KEY,
      report_hash text NOT NULL UNIQUE,
      file_id text REFERENCES files (id) ON DELETE SET NULL,
      source text NOT NULL,
      name text NOT NULL,
      started_at text,
      tests integer NOT NULL,
      failures integer NOT NULL,
      errors integer NOT NULL,
      skipped integer NOT NULL,
      duration_ms integer NOT NULL,
      created_at text NOT NULL
    )`,
  (db) => db.sql`CREATE INDEX runs_by_file ON runs (file_id)`,
  (db) => db.sql`CREATE INDEX runs_by_age ON runs (created_at)`,
  // Deferred: a report's results are stored while it is read, its run when the end was reached.
  (db) => db.sql`
    CREATE TABLE results (
      run_id text NOT NULL REFERENCES runs (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
      position integer NOT NULL,
      suite text NOT NULL,
      class_name text NOT NULL,
      name text NOT NULL,
      outcome text NOT NULL CHECK (outcome IN ('passed', 'failed', 'error', 'skipped')),
      duration_ms integer NOT NULL,
      message text,
      details text,
      PRIMARY KEY (run_id, position)
    )`,
];

/** Brings the schema up to date. Any number of processes may call it at the same time. */
export async function migrate(database: Database): Promise<void> {
  await inTransaction(database, async (db) => {
    await db.lockSchema();
    await db.sql`CREATE TABLE IF NOT EXISTS migrations (number integer PRIMARY KEY)`;
    const [last] = await db.sql<{ number: number | null }>`SELECT max(number) AS number FROM migrations`;
    for (const [index, apply] of MIGRATIONS.slice(last?.number ?? 0).entries()) {
      await apply(db);
      await db.insert("migrations", [{ number: (last?.number ?? 0) + index + 1 }]);
    }
  });
}
