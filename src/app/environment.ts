import { hint } from "./setting-kinds.ts";
import { ConfigError } from "./config-error.ts";
import type { ResolvedConfig, Role } from "./config.ts";

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The process's environment. Everything else that depends on it is handed it. */
export function readEnvironment(): Environment {
  return process.env;
}

/** Throws ConfigError, which names every variable of `requiredEnv` that this role lacks. */
export function checkRequiredEnv(
  app: { readonly config: ResolvedConfig; readonly env: Environment },
  role: Role,
): void {
  const missing = app.config.requiredEnv[role].filter((name) => isUnset(app.env[name]));
  if (missing.length === 0) return;
  const names = missing.join(", ");
  throw new ConfigError(`A ${role} needs environment variables that are not set: ${names} (requiredEnv.${role}).`);
}

/** An empty variable counts as not set, as it does for Celery. */
export function isUnset(value: string | undefined): value is undefined | "" {
  return value === undefined || value === "";
}

/** Throws ConfigError for a variable of our own prefix that looks like a misspelt option. Celery's prefix others may use as they like. */
export function refuseMisspelt(environment: Environment, known: ReadonlySet<string>): void {
  for (const name of Object.keys(environment)) {
    if (!name.startsWith("CELERIAC_") || known.has(name)) continue;
    const meant = hint(name, known);
    if (meant !== "") throw new ConfigError(`The environment variable ${name} is unknown${meant}`);
  }
}
