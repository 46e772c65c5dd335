import { decodeGroup, encodeGroup, tupleOf, type GroupRecords, type ResultNode } from "../../backend/groups.ts";
import { encodeJson } from "../../message/json.ts";
import type { Queries } from "./connections/pool.ts";
import { djangoTable, GROUP_RESULTS } from "./django/django-tables.ts";

export interface PostgresGroupsOptions {
  readonly queries: Queries;
  /** As SQL writes it. */
  readonly schema: string;
  /** The name of the schema of Django's tables. @default they are left alone */
  readonly djangoSchema: string | undefined;
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
    const { queries, schema, djangoSchema, expiresMs } = this.#options;
    const own = `INSERT INTO ${schema}.result_groups (id, expires_at, record) VALUES ($1, ${schema}.later($2), $3)
      ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at, record = excluded.record`;
    const values = [group.id, expiresMs, encodeGroup(group)];
    if (djangoSchema === undefined) await queries.query(own, values);
    else await queries.query(alsoForDjango(own, djangoSchema), [...values, encodeJson(tupleOf(group), "group")]);
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
    const { queries, schema, djangoSchema } = this.#options;
    if (groupIds.length === 0) return;
    const own = `DELETE FROM ${schema}.result_groups WHERE id = ANY ($1::text[])`;
    const text =
      djangoSchema === undefined
        ? own
        : `WITH own AS (${own}) DELETE FROM ${djangoTable(djangoSchema, GROUP_RESULTS)} WHERE group_id = ANY ($1::text[])`;
    await queries.query(text, [groupIds]);
  }
}

/** $1 is the group's id and $4 its result tuple. An id that is longer than Django's column is kept by us alone. */
function alsoForDjango(own: string, djangoSchema: string): string {
  return `WITH own AS (${own})
    INSERT INTO ${djangoTable(djangoSchema, GROUP_RESULTS)} (group_id, content_type, content_encoding, result, date_created, date_done)
    SELECT $1::text, 'application/json', 'utf-8', $4::text, clock_timestamp(), clock_timestamp() WHERE length($1::text) <= 255
    ON CONFLICT (group_id) DO UPDATE SET content_type = excluded.content_type, content_encoding = excluded.content_encoding,
      result = excluded.result, date_done = excluded.date_done`;
}
