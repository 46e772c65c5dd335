import { join } from "node:path";

export interface Settings {
  /** Where uploads and, without other word, the SQLite files are. */
  readonly dataDir: string;
  /** `sqlite:PATH` or `postgres://…`. */
  readonly databaseUrl: string;
  /** The broker and result backend, unless `CELERY_BROKER_URL` and `CELERY_RESULT_BACKEND` name others. */
  readonly celeriacUrl: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Everything that the environment may say; all of it has a default, for one machine without any server. */
export function readSettings(env: Environment = process.env): Settings {
  const dataDir = env["TEST_RESULTS_DATA"] ?? join(".data", "test-results");
  return {
    dataDir,
    databaseUrl: env["DATABASE_URL"] ?? postgresUrl(env) ?? `sqlite:${join(dataDir, "results.db")}`,
    celeriacUrl: `sqlite:${join(dataDir, "celeriac.db")}`,
  };
}

/** From `POSTGRESQL_HOST`, `POSTGRESQL_USER` …, or the same with `POSTGRES_`; undefined when no host is named. */
function postgresUrl(env: Environment): string | undefined {
  const read = (...names: readonly string[]): string | undefined =>
    names
      .flatMap((name) => [env[`POSTGRESQL_${name}`], env[`POSTGRES_${name}`]])
      .find((value) => value !== undefined && value !== "");
  const host = read("HOST", "HOSTNAME");
  if (host === undefined) return undefined;
  const url = new URL(`postgres://${host}:${read("PORT") ?? "5432"}`);
  url.username = encodeURIComponent(read("USER") ?? "");
  url.password = encodeURIComponent(read("PASSWORD") ?? "");
  url.pathname = encodeURIComponent(read("DATABASE", "DB") ?? "");
  const sslMode = read("SSLMODE");
  if (sslMode !== undefined) url.searchParams.set("sslmode", sslMode);
  return url.href;
}
