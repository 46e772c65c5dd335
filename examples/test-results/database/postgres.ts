import pg from "pg";
import { DatabaseUnavailableError, type Connection, type Database, type SqlValue } from "./database.ts";

/** Any number will do, as long as nothing else in the same database uses it. */
const SCHEMA_LOCK = 7_263_001;

/** SQLSTATE classes that pass: connection lost, out of resources, stopped by an operator, serialization failure, deadlock. */
const PASSING = /^(08|53|57P|40001|40P01)/;

/** A PostgreSQL server, by a pool of connections. */
export class PostgresDatabase implements Database {
  readonly #pool: pg.Pool;

  constructor(url: string) {
    this.#pool = new pg.Pool({ connectionString: url, connectionTimeoutMillis: 5_000, allowExitOnIdle: true });
    // An idle connection that breaks is replaced when it is next needed.
    this.#pool.on("error", () => undefined);
  }

  placeholder(n: number): string {
    return `$${String(n)}`;
  }

  async begin(): Promise<Connection> {
    const connection = new PostgresConnection(await explained(this.#pool.connect()));
    try {
      await connection.query("BEGIN", []);
      return connection;
    } catch (error) {
      await connection.rollback();
      connection.release();
      throw error;
    }
  }

  async close(): Promise<void> {
    if (!this.#pool.ended && !this.#pool.ending) await this.#pool.end();
  }
}

class PostgresConnection implements Connection {
  readonly #client: pg.PoolClient;
  #broken: Error | undefined;

  constructor(client: pg.PoolClient) {
    this.#client = client;
    client.on("error", this.#break);
  }

  async query(text: string, values: readonly SqlValue[]): Promise<readonly object[]> {
    const { rows } = await explained(this.#client.query<object>(text, [...values]));
    return rows;
  }

  async lockSchema(): Promise<void> {
    await this.query("SELECT pg_advisory_xact_lock($1)", [SCHEMA_LOCK]);
  }

  async commit(): Promise<void> {
    await this.query("COMMIT", []);
  }

  async rollback(): Promise<void> {
    await this.#client.query("ROLLBACK").catch(this.#break);
  }

  /** A broken client may emit its error even after the query that met it was rejected: unheard, it would end the process. */
  release(): void {
    if (this.#broken === undefined) this.#client.off("error", this.#break);
    this.#client.release(this.#broken);
  }

  readonly #break = (error: Error): void => {
    this.#broken = error;
  };
}

async function explained<T>(step: Promise<T>): Promise<T> {
  try {
    return await step;
  } catch (error) {
    const { code, message } = error as { readonly code?: string; readonly message: string };
    const isFromServer = error instanceof pg.DatabaseError;
    if (isFromServer && !PASSING.test(code ?? "")) throw error;
    throw new DatabaseUnavailableError(`PostgreSQL is not available: ${message || String(code)}`, { cause: error });
  }
}
