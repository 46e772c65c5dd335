/** What a URL or an option of Postgres says cannot be. */
export class PostgresUrlError extends TypeError {
  override readonly name = "PostgresUrlError";
}

/** Where a Postgres is, as whom to enter, and what of it is ours. */
export interface PostgresAddress {
  /** A host, or the directory of a socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly database: string | undefined;
  /** Undefined without TLS. */
  readonly tls: TlsFiles | undefined;
  readonly applicationName: string;
  readonly schema: string;
  readonly mayMigrate: boolean;
  /** That of the tables of django-celery-results; undefined where they are left alone. */
  readonly djangoSchema: string | undefined;
}

/** Paths of PEM files, and what is asked of the server's certificate. */
export interface TlsFiles {
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  /** libpq's `sslmode`: "require" trusts whoever answers, "verify-ca" any host with a certificate of the authority. */
  readonly check: "require" | "verify-ca" | "verify-full";
}

const POSTGRES_PORT = 5432;
export const DEFAULT_SCHEMA = "celeriac";

/** What stands behind the question mark: libpq's names, and `schema`, `migrate` and `django_schema`. */
export const POSTGRES_URL_PARAMETERS: readonly string[] = [
  ..."schema migrate django_schema host application_name sslmode sslrootcert sslcert sslkey".split(" "),
];

/** What a schema and a role may be called. Postgres keeps 63 bytes of a name, and the name of a channel is made of the schema's. */
export function isName(name: string): boolean {
  return /^[a-z_][a-z0-9_]{0,49}$/.test(name) && !name.startsWith("pg_");
}

/** Beside `isName`, in words. */
export const NAME_RULE =
  "small letters, digits and underscores, 50 at most, and does not begin with a digit or with pg_";

/** `postgres://[user[:password]@][host][:port][/database][?parameters]`, percent-encoded as URLs are. Throws PostgresUrlError. */
export function parsePostgresUrl(url: string): PostgresAddress {
  const [, authority, path = "", query = ""] =
    /^postgres(?:ql)?:\/\/([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/i.exec(url) ?? [];
  if (authority === undefined) {
    throw new PostgresUrlError("A Postgres URL reads postgres://[user[:password]@]host[:port]/database.");
  }
  const at = authority.lastIndexOf("@");
  const [, user, password] = /^([^:]*)(?::(.*))?$/s.exec(authority.slice(0, Math.max(at, 0))) ?? [];
  const parameters = parametersOf(query);
  const { host, port } = hostOf(authority.slice(at + 1));
  return {
    host: parameters.get("host") ?? host,
    port,
    user: decode(user, "user"),
    password: decode(password, "password"),
    database: decode(path, "database"),
    tls: tlsOf(parameters),
    applicationName: parameters.get("application_name") ?? "celeriac",
    schema: checkedSchema(parameters.get("schema") ?? DEFAULT_SCHEMA),
    mayMigrate: booleanOf(parameters, "migrate"),
    djangoSchema: parameters.get("django_schema"),
  };
}

/** Throws PostgresUrlError. */
export function checkedSchema(schema: string): string {
  if (isName(schema)) return schema;
  throw new PostgresUrlError(`The schema is "${schema}". Its name has ${NAME_RULE}.`);
}

function parametersOf(query: string): ReadonlyMap<string, string> {
  const parameters = new Map(new URLSearchParams(query));
  for (const name of parameters.keys()) {
    if (POSTGRES_URL_PARAMETERS.includes(name)) continue;
    throw new PostgresUrlError(
      `The Postgres URL has an unknown parameter "${name}". Known: ${POSTGRES_URL_PARAMETERS.join(", ")}.`,
    );
  }
  return parameters;
}

function decode(text: string | undefined, part: string): string | undefined {
  try {
    return text === undefined || text === "" ? undefined : decodeURIComponent(text);
  } catch {
    throw new PostgresUrlError(`The ${part} of the Postgres URL is not percent-encoded: write % as %25.`);
  }
}

function hostOf(authority: string): Pick<PostgresAddress, "host" | "port"> {
  const [, bracketed, plain, digits = ""] = /^(?:\[([^\]]+)\]|([^:,]*))(?::(\d*))?$/.exec(authority) ?? [];
  const port = digits === "" ? POSTGRES_PORT : Number(digits);
  const host = decode(bracketed ?? plain, "host");
  if ((bracketed ?? plain) === undefined || port < 1 || port > 65_535) {
    throw new PostgresUrlError(
      `"${authority}" is no host and port. Write one host:port, and an IPv6 address in brackets.`,
    );
  }
  return { host: host ?? "localhost", port };
}

function tlsOf(parameters: ReadonlyMap<string, string>): TlsFiles | undefined {
  const mode = parameters.get("sslmode") ?? "disable";
  if (mode === "disable") return undefined;
  if (mode !== "require" && mode !== "verify-ca" && mode !== "verify-full") {
    throw new PostgresUrlError(
      `sslmode=${mode} leaves it open whether the connection is encrypted. Write disable, require, verify-ca or verify-full.`,
    );
  }
  return {
    caFile: parameters.get("sslrootcert"),
    certFile: parameters.get("sslcert"),
    keyFile: parameters.get("sslkey"),
    check: mode,
  };
}

function booleanOf(parameters: ReadonlyMap<string, string>, name: string): boolean {
  const value = parameters.get(name) ?? "true";
  if (value === "true" || value === "false") return value === "true";
  throw new PostgresUrlError(`${name}=${value} in the Postgres URL: write ${name}=true or ${name}=false.`);
}
