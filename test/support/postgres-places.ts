import { randomUUID } from "node:crypto";
import pg from "pg";

/** As whom tests may do anything. test/support/global/postgres.ts finds or starts the server. */
export const POSTGRES_URL: string = process.env["CELERIAC_TEST_POSTGRES_URL"] ?? "";

export const HAS_POSTGRES: boolean = POSTGRES_URL !== "";

/** A schema's name that nobody else has; what is made of it is dropped when disposed. */
export interface PostgresPlace extends AsyncDisposable {
  readonly url: string;
  readonly schema: string;
}

export function postgresPlace(url: string = POSTGRES_URL): PostgresPlace {
  const schema = `test_${randomUUID().replaceAll("-", "_")}`;
  return {
    url,
    schema,
    [Symbol.asyncDispose]: async () => {
      await runSql(`DROP SCHEMA IF EXISTS ${schema} CASCADE`, url);
    },
  };
}

/** What a superuser is answered: the rows of the last statement. */
export async function runSql<Row>(sql: string, url: string = POSTGRES_URL): Promise<readonly Row[]> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  try {
    const results: unknown = await client.query(`SET client_min_messages = warning; ${sql}`);
    return (results as readonly { readonly rows: Row[] }[]).at(-1)?.rows ?? [];
  } finally {
    await client.end();
  }
}
