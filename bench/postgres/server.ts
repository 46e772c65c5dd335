import pg from "pg";
import { postgres } from "celeriac/postgres";
import { hasPostgresPrograms, PostgresServer } from "../../test/support/postgres.ts";
import type { Place } from "../contender.ts";
import type { Server } from "../server.ts";

/** For contenders that stand on Postgres. */
export async function lacksPostgres(): Promise<string | undefined> {
  return (await hasPostgresPrograms()) ? undefined : "there are no postgres and initdb in the PATH.";
}

/** A Postgres of its own on the loopback, whose tables are made anew for each measurement. */
export async function startPostgres(): Promise<Server | undefined> {
  const server = await PostgresServer.start();
  if (server === undefined) return undefined;
  const { url } = server;
  const [row] = await ask<{ readonly server_version: string }>(url, "SHOW server_version");
  return {
    version: `PostgreSQL ${row?.server_version ?? ""}`,
    emptied: async () => {
      await ask(url, "SET client_min_messages = warning; DROP SCHEMA IF EXISTS celeriac CASCADE");
      await postgres({ url }).migrate();
      return { postgresUrl: url };
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

export function postgresUrlOf({ postgresUrl }: Place): string {
  if (postgresUrl === undefined) throw new Error("This is measured on Postgres, and there is none.");
  return postgresUrl;
}

async function ask<Row>(url: string, sql: string): Promise<readonly Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query(sql);
    return rows as readonly Row[];
  } finally {
    await client.end();
  }
}
