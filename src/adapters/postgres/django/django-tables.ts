import type { Connection } from "../connections/connection.ts";
import { UnusableError } from "../connections/failure.ts";
import { identifier } from "../connections/identifier.ts";

/** Django's names of the models TaskResult and GroupResult. Source: `django_celery_results/models.py`. */
export const TASK_RESULTS = "django_celery_results_taskresult";
export const GROUP_RESULTS = "django_celery_results_groupresult";

/** The latest column of those that are written to. Source: `django_celery_results/migrations/0012_taskresult_date_started.py`. */
const LATEST_COLUMN = "date_started";

interface FoundTable {
  readonly name: string;
  readonly me: string;
  readonly may_write: boolean;
  readonly is_of_today: boolean;
}

const LOOK = `
  SELECT c.relname::text AS name, current_user::text AS me,
    has_schema_privilege(n.oid, 'USAGE') AND (
      SELECT bool_and(has_table_privilege(c.oid, p)) FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS p
    ) AS may_write,
    c.relname <> '${TASK_RESULTS}' OR EXISTS (
      SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = '${LATEST_COLUMN}' AND NOT a.attisdropped
    ) AS is_of_today
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relname IN ('${TASK_RESULTS}', '${GROUP_RESULTS}')`;

/** A table of django-celery-results as SQL writes it. */
export function djangoTable(schema: string, name: string): string {
  return `${identifier(schema)}.${name}`;
}

/** Makes sure that Django has made its tables there, and that this user may write to them. Rejects with UnusableError, which says what to do. */
export async function ensureDjangoTables(connection: Connection, schema: string): Promise<void> {
  const found = await connection.query<FoundTable>(LOOK, [schema]);
  for (const name of [TASK_RESULTS, GROUP_RESULTS]) {
    const table = found.find((table) => table.name === name);
    const detail = whyNot(table, djangoTable(schema, name));
    if (detail !== undefined) throw new UnusableError(detail, { isLasting: true });
  }
}

function whyNot(table: FoundTable | undefined, name: string): string | undefined {
  if (table === undefined) {
    return (
      `it has no table ${name}, which django_schema asks for. Run \`python manage.py migrate django_celery_results\` in Django's project, ` +
      "or name the schema that Django uses."
    );
  }
  if (!table.is_of_today)
    return `its table ${name} has no column ${LATEST_COLUMN}: django-celery-results 2.6 or newer is needed, and migrated.`;
  if (!table.may_write) {
    return (
      `its user "${table.me}" may not write to ${name}. As its owner, run: GRANT SELECT, INSERT, UPDATE, DELETE ON ${name} ` +
      `TO ${identifier(table.me)}; and GRANT USAGE ON its schema.`
    );
  }
  return undefined;
}
