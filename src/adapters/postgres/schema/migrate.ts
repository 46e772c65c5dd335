import { toError } from "../../../util/errors.ts";
import type { Connection } from "../connections/connection.ts";
import { identifier } from "../connections/identifier.ts";
import { sqlStateOf, UnusableError } from "../connections/failure.ts";
import { MIGRATIONS } from "./migrations.ts";

/** How long a migration may take, in milliseconds: others may migrate at the same time. */
const MIGRATION_MS = 120_000;

/** What this version of Celeriac works on. */
const SCHEMA_VERSION: number = MIGRATIONS.length;

export interface Migration {
  /** Equal when there was nothing to do; 0 where there was no schema. */
  readonly from: number;
  readonly to: number;
}

export interface SchemaOptions {
  readonly schema: string;
  /** Whether to make or change it. */
  readonly mayMigrate: boolean;
}

/** Makes sure that the schema is of our version. Rejects with UnusableError, which says what to do, where it is not, and with the server's error. */
export async function ensureSchema(connection: Connection, { schema, mayMigrate }: SchemaOptions): Promise<void> {
  const version = await versionOf(connection, schema);
  if (version === SCHEMA_VERSION) return;
  if (!mayMigrate) throw new UnusableError(missing(schema, version), { isLasting: true });
  await migrate(connection, schema);
}

/**
 * Brings the schema to our version, in one step, however many processes try at once: they wait for each other. Rejects with UnusableError for one that is
 * newer than we are, and where this user may not do it.
 */
export async function migrate(connection: Connection, schema: string): Promise<Migration> {
  await versionOf(connection, schema); // a newer one is refused before anything is locked
  try {
    await connection.run(`BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('${schema}.migrate', 0))`, MIGRATION_MS);
    // Looked at again under the lock: another process may have been quicker.
    const from = await versionOf(connection, schema);
    if (from < SCHEMA_VERSION) await advance(connection, schema, from);
    await connection.run("COMMIT", MIGRATION_MS);
    return { from, to: SCHEMA_VERSION };
  } catch (error) {
    // Closed, it takes back what it did, and gives up the lock.
    connection.close();
    throw error;
  }
}

/** Rejects with UnusableError where this user may not, or where another program has taken the names, and with the server's error. */
async function advance(connection: Connection, schema: string, from: number): Promise<void> {
  const [rights] = await connection.query<Rights>(RIGHTS, [schema]);
  try {
    await connection.run(stepsFrom(schema, from, rights?.schema_owner === null), MIGRATION_MS);
  } catch (error) {
    const detail = whyNot(error, { schema, from, rights });
    throw detail === undefined ? error : new UnusableError(detail, { cause: error, isLasting: true });
  }
}

function stepsFrom(schema: string, from: number, isMissing: boolean): string {
  const steps = MIGRATIONS.slice(from).map((step) => step(schema));
  const name = identifier(schema);
  // IF NOT EXISTS would ask for the right to make a schema even where there is one.
  if (isMissing) steps.unshift(`CREATE SCHEMA ${name};`);
  // A function, which nobody can change who may only write to tables.
  steps.push(
    `CREATE OR REPLACE FUNCTION ${name}.version() RETURNS integer LANGUAGE sql AS 'SELECT ${SCHEMA_VERSION}';`,
  );
  return steps.join("\n");
}

/** 0 where there is none. Rejects with UnusableError for a newer one, and for a database that cannot hold all characters. */
async function versionOf(connection: Connection, schema: string): Promise<number> {
  const [database] = await connection.query<{ readonly encoding: string; readonly has: boolean }>(
    `SELECT current_setting('server_encoding') AS encoding, EXISTS (
       SELECT 1 FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = $1 AND p.proname = 'version'
     ) AS has`,
    [schema],
  );
  if (database?.encoding !== "UTF8") {
    throw new UnusableError(
      `its database is encoded as ${database?.encoding ?? "?"}, which does not hold all characters. ` +
        "Make one with: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0.",
      { isLasting: true },
    );
  }
  if (!database.has) return 0;
  const [row] = await connection.query<{ readonly version: number }>(
    `SELECT ${identifier(schema)}.version() AS version`,
  );
  const version = row?.version ?? 0;
  if (version <= SCHEMA_VERSION) return version;
  throw new UnusableError(
    `its schema "${schema}" was made by a newer Celeriac (version ${version}, this one knows ${SCHEMA_VERSION}). Update this one.`,
    { isLasting: true },
  );
}

function missing(schema: string, version: number): string {
  const what =
    version === 0 ? `it has no schema "${schema}" of Celeriac's` : `its schema "${schema}" is of an older version`;
  return `${what}. Run \`celeriac postgres migrate\` as a user who may make it.`;
}

interface Rights {
  readonly me: string;
  readonly database_owner: string;
  /** Null where there is no such schema. */
  readonly schema_owner: string | null;
}

const RIGHTS = `
  SELECT current_user::text AS me, pg_get_userbyid(d.datdba)::text AS database_owner,
    (SELECT pg_get_userbyid(n.nspowner)::text FROM pg_namespace n WHERE n.nspname = $1) AS schema_owner
  FROM pg_database d WHERE d.datname = current_database()`;

interface Attempt {
  readonly schema: string;
  readonly from: number;
  readonly rights: Rights | undefined;
}

/** Undefined where it is not a matter of migrating. */
function whyNot(error: unknown, { schema, from, rights }: Attempt): string | undefined {
  const state = sqlStateOf(error);
  if (state === "42501") {
    const { me = "?", database_owner: databaseOwner = "?", schema_owner: owner = null } = rights ?? {};
    const change = from === 0 ? "make Celeriac's tables" : `bring the tables of version ${from} to ${SCHEMA_VERSION}`;
    const what =
      owner === null
        ? `its user "${me}" may not make the schema "${schema}"`
        : `its user "${me}" may not ${change} in the schema "${schema}", which belongs to "${owner}"`;
    const who = owner ?? databaseOwner;
    const owns = owner === null ? ", who owns the database," : "";
    return (
      `${what} (${toError(error).message}). Run \`celeriac postgres migrate\` as "${who}"${owns} ` +
      "or as a role of `celeriac postgres roles`."
    );
  }
  // A table, or a function.
  if (state !== "42P07" && state !== "42723") return undefined;
  return `its schema "${schema}" has tables of another program. Name another with ?schema=NAME in the URL.`;
}
