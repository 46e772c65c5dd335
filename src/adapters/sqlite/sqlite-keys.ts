import type { Claim, KeyStore } from "../../broker/key-store.ts";
import { Batcher } from "../../util/batcher.ts";
import { isRefusal, type Database } from "./database.ts";

const CLAIM = `
  INSERT INTO claims (key, owner, value, expires_at) VALUES (?, ?, ?, ?)
  ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, value = excluded.value, expires_at = excluded.expires_at
  WHERE owner = excluded.owner OR expires_at <= ?`;
const RENEW = "UPDATE claims SET expires_at = ? WHERE key = ? AND owner = ? AND expires_at > ?";
const RELEASE = "DELETE FROM claims WHERE key = ? AND owner = ? AND expires_at > ?";
const READ = "SELECT owner, value FROM claims WHERE key = ? AND expires_at > ?";

interface WantedKey {
  readonly key: string;
  readonly owner: string;
  readonly ttlMs: number;
  readonly value: string | undefined;
}

/** Claims as rows. Opened at first use. What one turn of the event loop claims is one commit. */
export class SqliteKeyStore implements KeyStore {
  readonly #database: Database;
  readonly #claims: Batcher<WantedKey, boolean>;

  /** The database is disposed with the key store. */
  constructor(database: Database) {
    this.#database = database;
    this.#claims = new Batcher((wanted) => this.#claim(wanted), { isolates: isRefusal });
  }

  claim(key: string, owner: string, ttlMs: number, value?: string): Promise<boolean> {
    return this.#claims.add({ key, owner, ttlMs, value });
  }

  /** Relaxed: a power loss that undoes it ends the owner too. */
  renew(key: string, owner: string, ttlMs: number): Promise<boolean> {
    return this.#database.transaction("relaxed", (sql) => {
      const now = this.#now();
      return sql(RENEW).run(until(now, ttlMs), key, owner, now).changes > 0;
    });
  }

  release(key: string, owner: string): Promise<boolean> {
    return this.#database.transaction("durable", (sql) => sql(RELEASE).run(key, owner, this.#now()).changes > 0);
  }

  read(keys: readonly string[]): Promise<ReadonlyMap<string, Claim>> {
    return this.#database.read((sql) => {
      const now = this.#now();
      const found = new Map<string, Claim>();
      for (const key of keys) {
        const row = sql<{ readonly owner: string; readonly value: string | null }>(READ).get(key, now);
        if (row !== undefined) found.set(key, { owner: row.owner, value: row.value ?? undefined });
      }
      return found;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#claims.idle();
    await this.#database[Symbol.asyncDispose]();
  }

  #claim(wanted: readonly WantedKey[]): Promise<readonly boolean[]> {
    return this.#database.transaction("durable", (sql) => {
      const now = this.#now();
      return wanted.map(
        ({ key, owner, ttlMs, value = null }) => sql(CLAIM).run(key, owner, value, until(now, ttlMs), now).changes > 0,
      );
    });
  }

  #now(): number {
    return this.#database.clock.now();
  }
}

function until(now: number, ttlMs: number): number {
  return Math.min(now + Math.ceil(ttlMs), Number.MAX_SAFE_INTEGER);
}
