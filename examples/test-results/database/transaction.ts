import type { Connection, Database, SqlValue } from "./database.ts";

/** Enough to make the round trip cheap, few enough to keep prepared statements small. */
const ROWS_PER_STATEMENT = 100;

/** Runs `work` in a transaction: committed when it returns, rolled back when it throws. */
export async function inTransaction<T>(database: Database, work: (db: Transaction) => Promise<T>): Promise<T> {
  const db = new Transaction(database);
  try {
    const result = await work(db);
    await db.commit();
    return result;
  } catch (error) {
    await db.rollback();
    throw error;
  } finally {
    db.release();
  }
}

/**
 * A transaction, begun by its first statement: a task that works long before it writes keeps nobody waiting.
 *
 *     const [run] = await db.sql<{ name: string }>`SELECT name FROM runs WHERE id = ${id}`;
 */
export class Transaction {
  readonly #database: Database;
  #connection: Connection | undefined;
  #afterRollback: ((db: Transaction) => Promise<void>) | undefined;
  #afterCommit: (() => Promise<void>) | undefined;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Runs one statement. The values in it never become part of its text. */
  async sql<Row extends object>(text: TemplateStringsArray, ...values: readonly SqlValue[]): Promise<readonly Row[]> {
    const statement = text.reduce((head, tail, n) => head + this.#database.placeholder(n) + tail);
    return (await this.#query(statement, values)) as readonly Row[];
  }

  /** Inserts rows that all have the same columns. */
  async insert(table: string, rows: readonly Readonly<Record<string, SqlValue>>[]): Promise<void> {
    const columns = Object.keys(rows[0] ?? {});
    for (let start = 0; start < rows.length; start += ROWS_PER_STATEMENT) {
      const some = rows.slice(start, start + ROWS_PER_STATEMENT);
      const text = `INSERT INTO ${table} (${columns.join(", ")}) VALUES ${this.#tuples(some.length, columns.length)}`;
      await this.#query(
        text,
        some.flatMap((row) => Object.values(row)),
      );
    }
  }

  /** Until this transaction ends, no other one gets past this call. */
  async lockSchema(): Promise<void> {
    await (await this.#begun()).lockSchema();
  }

  /** Has `work` done in a transaction of its own should this one be rolled back: what must be kept all the same. */
  onRollback(work: (db: Transaction) => Promise<void>): void {
    this.#afterRollback = work;
  }

  /** Has `work` done once this one is committed: what no rollback would bring back. */
  onCommit(work: () => Promise<void>): void {
    this.#afterCommit = work;
  }

  async commit(): Promise<void> {
    await this.#connection?.commit();
    this.release();
    this.#afterRollback = undefined;
    await this.#afterCommit?.();
  }

  async rollback(): Promise<void> {
    await this.#connection?.rollback();
    this.release();
    if (this.#afterRollback !== undefined) await inTransaction(this.#database, this.#afterRollback);
  }

  /** Calling it again is fine. */
  release(): void {
    this.#connection?.release();
    this.#connection = undefined;
  }

  async #query(text: string, values: readonly SqlValue[]): Promise<readonly object[]> {
    return (await this.#begun()).query(text, values);
  }

  /** `(?, ?), (?, ?)` */
  #tuples(rows: number, columns: number): string {
    const range = (length: number): number[] => Array.from({ length }, (_none, n) => n);
    const tuple = (row: number): string[] =>
      range(columns).map((column) => this.#database.placeholder(row * columns + column + 1));
    return range(rows)
      .map((row) => `(${tuple(row).join(", ")})`)
      .join(", ");
  }

  async #begun(): Promise<Connection> {
    this.#connection ??= await this.#database.begin();
    return this.#connection;
  }
}
