export interface PostgresOptions {
  /** `postgres://[user[:password]@]host[:port]/database`, `postgresql://` too; behind a question mark what `POSTGRES_URL_PARAMETERS` lists. */
  readonly url: string;
  /** The PostgreSQL schema that holds all tables, for this app alone or for several that share results. @default the URL's `schema`, or "celeriac" */
  readonly schema?: string;
  /** The PostgreSQL schema of Django's tables, such as "public": results and groups are written to those of django-celery-results too. @default the URL's `django_schema`, or they are left alone */
  readonly djangoSchema?: string;
  /** Whether whoever connects makes the schema, or brings it up to date; else `celeriac postgres migrate` alone does. @default the URL's `migrate`, or true */
  readonly migrate?: boolean;
  /** The most connections that results are read and written over at once, and keys; one more of each waits for notifications or renews. @default 4 */
  readonly maxConnections?: number;
  /** Switches TLS on, and comes before what the URL says of certificates. @default what the URL says */
  readonly tls?: PostgresTlsOptions;
}

/** As Node's `tls.connect` takes them. Copied to the thread that renews claims: values only. */
export interface PostgresTlsOptions {
  /** PEM: whom to trust. @default Node's own list */
  readonly ca?: string | Buffer;
  /** PEM: this client's certificate, and its key. */
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly passphrase?: string;
  /** The name that the server's certificate must have. @default the host */
  readonly servername?: string;
  /** Whether the server's certificate is checked. @default true */
  readonly rejectUnauthorized?: boolean;
}
