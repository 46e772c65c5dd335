import { createRequire } from "node:module";

/** What `node:sqlite` and better-sqlite3 have in common, as far as it is used here. */
export interface SqliteHandle {
  exec(sql: string): unknown;
  prepare(sql: string): SqliteStatement;
  close(): void;
}

export interface SqliteStatement {
  /** better-sqlite3: whether the statement returns rows. Only then may `all` run it. */
  readonly reader?: boolean;
  all(...values: readonly unknown[]): unknown[];
  run(...values: readonly unknown[]): unknown;
}

type SqliteClass = new (path: string) => SqliteHandle;

/** Opens a database with `node:sqlite` where Node has it without a flag, and with better-sqlite3 elsewhere. */
export function openSqlite(path: string): SqliteHandle {
  const builtin = process.getBuiltinModule("node:sqlite") as { readonly DatabaseSync: SqliteClass } | undefined;
  const Sqlite = builtin?.DatabaseSync ?? (createRequire(import.meta.url)("better-sqlite3") as SqliteClass);
  return new Sqlite(path);
}
