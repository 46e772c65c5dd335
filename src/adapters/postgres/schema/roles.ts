import { identifier } from "../connections/identifier.ts";
import { DEFAULT_SCHEMA } from "../connections/postgres-url.ts";

export interface RoleNames {
  readonly schema: string;
  /** Owns the schema, and changes it. */
  readonly migrator: string;
  /** Of workers and of those who send tasks and wait for results. */
  readonly worker: string;
  /** Of those who only look. */
  readonly reader: string;
}

/**
 * SQL that makes three roles, where they are not there yet, and gives each what it needs and no more, of what is there and of what later versions of the schema
 * bring. Run again, it does no harm. It gives also what everybody has unless it was taken away from PUBLIC.
 */
export function rolesSql(names: RoleNames): string {
  const roles = [names.migrator, names.worker, names.reader];
  const at = names.schema === DEFAULT_SCHEMA ? "" : `?schema=${names.schema}`;
  const [schema, migrator, worker, reader] = [names.schema, ...roles].map(identifier);
  return `-- Roles for Celeriac's results and keys in the schema ${schema}. Run it in their database, as a superuser:
--   celeriac postgres roles | psql --single-transaction DATABASE_URL
-- Then give each role a password (\\password ${names.worker} in psql), and run as the first of them:
--   celeriac --result-backend postgres://${names.migrator}:PASSWORD@HOST/DATABASE${at} postgres migrate
-- Nothing that somebody has put into another schema is run as the superuser.
SET search_path = pg_catalog;
DO $$
DECLARE
  name text;
  change text;
BEGIN
  FOREACH name IN ARRAY ARRAY[${roles.map((role) => `'${role}'`).join(", ")}] LOOP
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = name) THEN
      EXECUTE format('CREATE ROLE %I LOGIN NOINHERIT NOCREATEDB NOCREATEROLE', name);
    END IF;
    IF NOT has_database_privilege(name, current_database(), 'CONNECT') THEN
      EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), name);
    END IF;
  END LOOP;
  IF NOT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = '${names.schema}') THEN
    CREATE SCHEMA ${schema};
  END IF;
  FOREACH name IN ARRAY ARRAY['plpgsql', 'sql'] LOOP
    IF NOT has_language_privilege('${names.migrator}', name, 'USAGE') THEN
      EXECUTE format('GRANT USAGE ON LANGUAGE %I TO ${migrator}', name);
    END IF;
  END LOOP;
  -- What somebody else made before is the migrator's from now on.
  FOR change IN
    SELECT format('ALTER TABLE %s OWNER TO ${migrator}', oid::regclass) FROM pg_class
      WHERE relnamespace = '${schema}'::regnamespace AND relkind = 'r'
    UNION ALL
    SELECT format('ALTER FUNCTION %s OWNER TO ${migrator}', oid::regprocedure) FROM pg_proc
      WHERE pronamespace = '${schema}'::regnamespace
  LOOP
    EXECUTE change;
  END LOOP;
END $$;

ALTER SCHEMA ${schema} OWNER TO ${migrator};
GRANT USAGE ON SCHEMA ${schema} TO ${worker}, ${reader};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${worker};
GRANT SELECT ON ALL TABLES IN SCHEMA ${schema} TO ${reader};
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ${schema} TO ${worker}, ${reader};
ALTER DEFAULT PRIVILEGES FOR ROLE ${migrator} IN SCHEMA ${schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${worker};
ALTER DEFAULT PRIVILEGES FOR ROLE ${migrator} IN SCHEMA ${schema} GRANT SELECT ON TABLES TO ${reader};
ALTER DEFAULT PRIVILEGES FOR ROLE ${migrator} IN SCHEMA ${schema} GRANT EXECUTE ON FUNCTIONS TO ${worker}, ${reader};
`;
}
