import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseUnavailableError, type Connection, type Database, type SqlValue } from "./database.ts";
import { openSqlite, type SqliteHandle, type SqliteStatement } from "./sqlite-driver.ts";

/** How long a transaction waits for the one that is writing, in milliseconds. The largest reports take half of it. */
const LONGEST_WAIT_MS = 60_000;
const POLL_MS = 10;

/** One file. SQLite has one writer at a time: transactions stand in line for it without blocking the event loop. */
export class SqliteDatabase implements Database {
  readonly #path: string;
  readonly #idle: SqliteConnection[] = [];
  #isClosed = false;

  constructor(path: string) {
    this.#path = path;
  }

  placeholder(): string {
    return "?";
  }

  async begin(): Promise<Connection> {
    const connection = this.#idle.pop() ?? this.#open();
    try {
      await this.#untilNotBusy(() => connection.begin());
      return connection;
    } catch (error) {
      connection.release();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const connection of this.#idle.splice(0)) connection.close();
  }

  #open(): SqliteConnection {
    mkdirSync(dirname(this.#path), { recursive: true });
    return new SqliteConnection(openSqlite(this.#path), (connection) => {
      if (this.#isClosed) connection.close();
      else this.#idle.push(connection);
    });
  }

  async #untilNotBusy(step: () => void): Promise<void> {
    const deadline = performance.now() + LONGEST_WAIT_MS;
    for (;;) {
      try {
        step();
        return;
      } catch (cause) {
        if (!isBusy(cause)) throw cause;
        if (performance.now() > deadline)
          throw new DatabaseUnavailableError(`${this.#path} is kept busy by another writer.`, { cause });
      }
      await sleep(POLL_MS);
    }
  }
}

class SqliteConnection implements Connection {
  readonly #handle: SqliteHandle;
  readonly #giveBack: (connection: SqliteConnection) => void;
  readonly #statements = new Map<string, SqliteStatement>();
  #isUsable = true;

  constructor(handle: SqliteHandle, giveBack: (connection: SqliteConnection) => void) {
    this.#handle = handle;
    this.#giveBack = giveBack;
    handle.exec("PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL");
    handle.exec("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 0");
  }

  /** Throws SQLITE_BUSY while another connection is in a transaction. */
  begin(): void {
    this.#handle.exec("BEGIN IMMEDIATE");
  }

  async query(text: string, values: readonly SqlValue[]): Promise<readonly object[]> {
    const statement = this.#prepared(text);
    if (statement.reader !== false) return statement.all(...values) as object[];
    statement.run(...values);
    return [];
  }

  /** Nothing to do: whoever is in a transaction holds the file's only write lock. */
  async lockSchema(): Promise<void> {}

  async commit(): Promise<void> {
    this.#handle.exec("COMMIT");
  }

  async rollback(): Promise<void> {
    try {
      this.#handle.exec("ROLLBACK");
    } catch {
      this.#isUsable = false;
    }
  }

  release(): void {
    if (this.#isUsable) this.#giveBack(this);
    else this.close();
  }

  close(): void {
    this.#handle.close();
  }

  #prepared(text: string): SqliteStatement {
    const statement = this.#statements.get(text) ?? this.#handle.prepare(text);
    this.#statements.set(text, statement);
    return statement;
  }
}

/** SQLITE_BUSY is 5; its extended codes have it in their low byte. */
function isBusy(error: unknown): boolean {
  const { code, errcode } = error as { readonly code?: unknown; readonly errcode?: unknown };
  return typeof errcode === "number" ? (errcode & 0xff) === 5 : String(code).startsWith("SQLITE_BUSY");
}
