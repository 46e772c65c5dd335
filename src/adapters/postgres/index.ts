import { ResultBackendUnavailableError } from "../../backend/errors.ts";
import { BrokerUnavailableError } from "../../broker/errors.ts";
import { systemClock, type Clock } from "../../util/clock.ts";
import { maskUrl } from "../../util/mask-url.ts";
import type { Adapter } from "../adapter.ts";
import { Connection } from "./connections/connection.ts";
import type { Endpoint } from "./connections/endpoint.ts";
import { explained, type Unavailable } from "./connections/failure.ts";
import { Pool } from "./connections/pool.ts";
import { checkedSchema, parsePostgresUrl } from "./connections/postgres-url.ts";
import { ensureDjangoTables } from "./django/django-tables.ts";
import { PostgresBackend } from "./postgres-backend.ts";
import { PostgresKeyStore } from "./postgres-keys.ts";
import type { PostgresOptions } from "./postgres-options.ts";
import { renewerSource } from "./renewer-source.ts";
import { identifier } from "./connections/identifier.ts";
import { ensureSchema, migrate, type Migration } from "./schema/migrate.ts";

export { PostgresUrlError } from "./connections/postgres-url.ts";
export type { PostgresOptions, PostgresTlsOptions } from "./postgres-options.ts";
export type { Migration } from "./schema/migrate.ts";

const MAX_CONNECTIONS = 4;

export interface PostgresAdapter extends Adapter {
  /** The PostgreSQL schema of its tables. */
  readonly schema: string;
  /** Brings the schema up to date, whatever `migrate` says. Rejects with ResultBackendUnavailableError. */
  readonly migrate: () => Promise<Migration>;
}

/** Results and keys in a Postgres, in a schema of their own. It carries no messages. Throws PostgresUrlError. */
export function postgres(options: PostgresOptions): PostgresAdapter {
  const url = maskUrl(options.url);
  const parsed = parsePostgresUrl(options.url);
  const schema = options.schema === undefined ? parsed.schema : checkedSchema(options.schema);
  const djangoSchema = options.djangoSchema ?? parsed.djangoSchema;
  const mayMigrate = options.migrate ?? parsed.mayMigrate;
  const endpoint: Endpoint = { address: { ...parsed, schema }, tls: options.tls };
  const { maxConnections = MAX_CONNECTIONS } = options;
  const poolOf = (clock: Clock, unavailable: Unavailable, djangoSchema?: string): Pool => {
    const prepare = async (connection: Connection): Promise<void> => {
      await ensureSchema(connection, { schema, mayMigrate });
      if (djangoSchema !== undefined) await ensureDjangoTables(connection, djangoSchema);
    };
    return new Pool({ endpoint, clock, maxConnections, prepare, unavailable });
  };
  const keysUnavailable: Unavailable = (detail, cause) => new BrokerUnavailableError(url, detail, cause);
  const unavailable: Unavailable = (detail, cause) => new ResultBackendUnavailableError(url, detail, cause);
  return {
    url,
    schema,
    createResultBackend: ({ clock, log, resultExpiresMs }) =>
      new PostgresBackend({
        pool: poolOf(clock, unavailable, djangoSchema),
        endpoint,
        djangoSchema,
        unavailable,
        resultExpiresMs,
        clock,
        log,
      }),
    createKeyStore: ({ clock, log }) =>
      new PostgresKeyStore({
        pool: poolOf(clock, keysUnavailable),
        schema: identifier(schema),
        renewer: renewerSource({ url, endpoint }),
        clock,
        log,
      }),
    migrate: () => migrateOnce(endpoint, unavailable),
  };
}

async function migrateOnce(endpoint: Endpoint, unavailable: Unavailable): Promise<Migration> {
  try {
    const connection = await Connection.open({ endpoint, clock: systemClock });
    try {
      return await migrate(connection, endpoint.address.schema);
    } finally {
      connection.close();
    }
  } catch (error) {
    throw explained(error, unavailable);
  }
}
