import type { Adapter } from "../adapters/adapter.ts";
import type { PostgresAdapter } from "../adapters/postgres/index.ts";
import type { Celeriac } from "../app/celeriac.ts";
import { connectAdapter } from "../app/connect.ts";
import { UsageError } from "./errors.ts";

/** The Postgres of the app's results. Rejects with UsageError where they are kept elsewhere, and with ConfigError. */
export async function requirePostgres({ config: { resultBackend } }: Celeriac): Promise<PostgresAdapter> {
  const adapter = resultBackend === undefined ? undefined : await connectAdapter("resultBackend", resultBackend);
  if (isPostgres(adapter)) return adapter;
  throw new UsageError(
    `${adapter === undefined ? "There is no result backend" : `The result backend is ${adapter.url}, no Postgres`}: ` +
      "give --result-backend or CELERY_RESULT_BACKEND, for example postgres://user@host/database.",
  );
}

function isPostgres(adapter: Adapter | undefined): adapter is PostgresAdapter {
  return adapter !== undefined && "migrate" in adapter;
}
