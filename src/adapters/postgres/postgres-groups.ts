import { decodeGroup, encodeGroup, type GroupRecords, type ResultNode } from "../../backend/groups.ts";
import type { Queries } from "./connections/pool.ts";

export interface PostgresGroupsOptions {
  readonly queries: Queries;
  readonly schema: string;
  /** How long a record is kept, in whole milliseconds. */
  readonly expiresMs: number;
}

/** Group records, one row for each. */
export class PostgresGroups implements GroupRecords {
  readonly #options: PostgresGroupsOptions;

  constructor(options: PostgresGroupsOptions) {
    this.#options = options;
  }

  async save(group: ResultNode): Promise<void> {
    const { queries, schema, expiresMs } = this.#options;
    await queries.query(
      `INSERT INTO ${schema}.result_groups (id, expires_at, record) VALUES ($1, ${schema}.later($2), $3)
       ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at, record = excluded.record`,
      [group.id, expiresMs, encodeGroup(group)],
    );
  }

  async restore(groupId: string): Promise<ResultNode | undefined> {
    const { queries, schema } = this.#options;
    const [row] = await queries.query<{ readonly record: string }>(
      `SELECT record FROM ${schema}.result_groups WHERE id = $1 AND expires_at > clock_timestamp()`,
      [groupId],
    );
    return row === undefined ? undefined : decodeGroup(row.record);
  }

  async forget(groupIds: readonly string[]): Promise<void> {
    const { queries, schema } = this.#options;
    if (groupIds.length > 0)
      await queries.query(`DELETE FROM ${schema}.result_groups WHERE id = ANY ($1::text[])`, [groupIds]);
  }
}
