/** What is asked of a database technology. `sqlite.ts` and `postgres.ts` are the two answers. */
export interface Database {
  /** How the n-th value of a statement is written, counted from 1. */
  placeholder(n: number): string;
  /** A connection of its own for one transaction, which it begins. Rejects with DatabaseUnavailableError. */
  begin(): Promise<Connection>;
  /** Resolves once every connection is closed. Calling it again is fine. */
  close(): Promise<void>;
}

/** A connection in a transaction. */
export interface Connection {
  /** Runs one statement. Rejects with DatabaseUnavailableError when trying again later may help. */
  query(text: string, values: readonly SqlValue[]): Promise<readonly object[]>;
  /** Waits until no other connection is between this call and the end of its transaction. */
  lockSchema(): Promise<void>;
  commit(): Promise<void>;
  /** Never rejects: a connection that is gone has taken its transaction with it. */
  rollback(): Promise<void>;
  /** Gives the connection back; one that is still in its transaction, or broken, is closed. */
  release(): void;
}

export type SqlValue = string | number | null;

/** The database cannot be reached or is overloaded: trying again later may help. */
export class DatabaseUnavailableError extends Error {
  override readonly name = "DatabaseUnavailableError";
}
