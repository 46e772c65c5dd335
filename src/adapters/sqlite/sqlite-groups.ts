import { decodeGroup, encodeGroup, type GroupRecords, type ResultNode } from "../../backend/groups.ts";
import type { Database } from "./database.ts";

const SAVE = "INSERT OR REPLACE INTO result_groups (id, expires_at, record) VALUES (?, ?, ?)";
const RESTORE = "SELECT record FROM result_groups WHERE id = ? AND expires_at > ?";
const FORGET = "DELETE FROM result_groups WHERE id = ?";

/** Group records, one row for each. */
export class SqliteGroups implements GroupRecords {
  readonly #database: Database;
  readonly #expiresMs: number;

  /** The database is disposed by its owner. */
  constructor(database: Database, expiresMs: number) {
    this.#database = database;
    this.#expiresMs = expiresMs;
  }

  async save(group: ResultNode): Promise<void> {
    const record = encodeGroup(group);
    await this.#database.transaction("durable", (sql) => {
      const expiresAt = Math.min(this.#database.clock.now() + Math.ceil(this.#expiresMs), Number.MAX_SAFE_INTEGER);
      sql(SAVE).run(group.id, expiresAt, record);
    });
  }

  async restore(groupId: string): Promise<ResultNode | undefined> {
    const now = this.#database.clock.now();
    const row = await this.#database.read((sql) => sql<{ readonly record: string }>(RESTORE).get(groupId, now));
    return row === undefined ? undefined : decodeGroup(row.record);
  }

  forget(groupIds: readonly string[]): Promise<void> {
    return this.#database.transaction("durable", (sql) => {
      for (const groupId of groupIds) sql(FORGET).run(groupId);
    });
  }
}
