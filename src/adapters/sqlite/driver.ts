import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { MissingDriverError } from "../missing-driver-error.ts";

export type SqlValue = null | number | string | Uint8Array;

/** What better-sqlite3 12 and node:sqlite share of a prepared statement. */
export interface Statement<Row> {
  /** For statements that return no rows. */
  run(...values: readonly SqlValue[]): { readonly changes: number | bigint };
  get(...values: readonly SqlValue[]): Row | undefined;
  all(...values: readonly SqlValue[]): Row[];
}

/** What they share of a connection. */
export interface Connection {
  exec(sql: string): unknown;
  prepare(sql: string): Statement<unknown>;
  close(): unknown;
}

export interface Driver {
  readonly name: "node:sqlite" | "better-sqlite3";
  open(path: string): Connection;
}

type ConnectionClass = new (path: string) => Connection;

/** node:sqlite where this Node has it without a flag, else better-sqlite3. Throws MissingDriverError when neither loads. */
export function loadDriver(): Driver {
  const builtin = process.getBuiltinModule("node:sqlite") as { readonly DatabaseSync: ConnectionClass } | undefined;
  if (builtin !== undefined) return { name: "node:sqlite", open: (path) => new builtin.DatabaseSync(path) };
  const BetterSqlite3 = loadBetterSqlite3();
  return { name: "better-sqlite3", open: (path) => new BetterSqlite3(path) };
}

/** As an installed package, or as scripts/ensure-sqlite.mjs has compiled it in this package's folder. */
const BETTER_SQLITE3 = ["better-sqlite3", "../../../.better-sqlite3/node_modules/better-sqlite3"];

function loadBetterSqlite3(): ConnectionClass {
  const require = createRequire(import.meta.url);
  let failure: unknown;
  for (const specifier of BETTER_SQLITE3) {
    try {
      const BetterSqlite3 = require(specifier) as ConnectionClass;
      // The native part is loaded by the first connection only.
      new BetterSqlite3(":memory:").close();
      return BetterSqlite3;
    } catch (error) {
      failure ??= error;
    }
  }
  throw missingDriver(failure);
}

/** Neither driver can be used. */
function missingDriver(cause: unknown): MissingDriverError {
  const isInstalled = (cause as { code?: unknown } | null)?.code !== "MODULE_NOT_FOUND";
  const problem = isInstalled ? "cannot be loaded" : "is not installed";
  return new MissingDriverError(
    `Node ${process.versions.node} has no node:sqlite of its own, and better-sqlite3 ${problem}. Run: ${installCommand(isInstalled)}`,
    { cause },
  );
}

/**
 * better-sqlite3 is compiled where its ready-made binary cannot be downloaded. node-gyp would then download Node's headers too,
 * unless it is told where they lie: beside this Node, as in every official distribution.
 */
function installCommand(isInstalled: boolean): string {
  const nodeRoot = dirname(dirname(process.execPath));
  const hasHeaders = existsSync(join(nodeRoot, "include", "node", "node.h"));
  const command = isInstalled ? "npm rebuild better-sqlite3" : "npm install better-sqlite3@12";
  return hasHeaders ? `npm_config_nodedir=${nodeRoot} ${command}` : command;
}
