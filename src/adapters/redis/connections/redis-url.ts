/** What a URL or an option of Redis says cannot be. */
export class RedisUrlError extends TypeError {
  override readonly name = "RedisUrlError";
}

/** Where a Redis is, and as whom to enter. */
export interface RedisAddress {
  readonly place: TcpPlace | SocketPlace | SentinelPlace;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly db: number;
  /** Undefined without TLS. */
  readonly tls: TlsFiles | undefined;
}

export interface TcpPlace extends Host {
  readonly kind: "tcp";
}
export interface SocketPlace {
  readonly kind: "socket";
  readonly path: string;
}
export interface SentinelPlace {
  readonly kind: "sentinel";
  readonly sentinels: readonly Host[];
  /** What the sentinels call the master. */
  readonly masterName: string;
}
export interface Host {
  readonly host: string;
  readonly port: number;
}

/** Paths of PEM files, and what is asked of the server's certificate. redis-py's names, which Celery's URLs have too. */
export interface TlsFiles {
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly isServerChecked: boolean;
}

const REDIS_PORT = 6379;
const SENTINEL_PORT = 26_379;

/** Parameters that tune Celery's own client, which has other needs: a URL that is shared with it may have them. redis-py: `Connection.__init__`. */
const OTHERS_PARAMETERS: ReadonlySet<string> = new Set([
  ..."client_name encoding encoding_errors health_check_interval max_connections protocol retry_on_timeout".split(" "),
  ..."socket_connect_timeout socket_keepalive socket_read_size socket_timeout ssl_check_hostname timeout".split(" "),
]);
/** What stands behind the question mark. */
export const REDIS_URL_PARAMETERS: readonly string[] = [
  ..."db virtual_host username password master_name".split(" "),
  ..."ssl_cert_reqs ssl_ca_certs ssl_certfile ssl_keyfile".split(" "),
];

/**
 * `redis://[user[:password]@][host][:port][/db]`, `rediss://` for TLS, `redis+socket:///path?virtual_host=db`, `unix:///path?db=db`, and
 * `sentinel://host:port/db;sentinel://host:port?master_name=name`. Percent-encoded as URLs are. Throws RedisUrlError.
 */
export function parseRedisUrl(url: string, masterName?: string): RedisAddress {
  const parts = url.split(";").map(splitUrl);
  const [first] = parts;
  if (first === undefined) throw new RedisUrlError("The URL is empty.");
  const parameters = new Map(parts.flatMap(({ query }) => [...query]));
  checkParameters(parameters);
  return {
    place: placeOf(parts, masterName ?? parameters.get("master_name")),
    username: nonEmpty(first.username ?? parameters.get("username")),
    password: nonEmpty(first.password ?? parameters.get("password")),
    db: dbOf(parts, parameters),
    tls: first.scheme === "rediss" ? tlsOf(parameters) : undefined,
  };
}

interface UrlParts {
  readonly scheme: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly authority: string;
  readonly path: string;
  readonly query: ReadonlyMap<string, string>;
}

function splitUrl(url: string): UrlParts {
  const [, scheme, authority, path = "", query = ""] = /^([a-z+]+):\/\/([^/?]*)(\/[^?]*)?(?:\?(.*))?$/i.exec(url) ?? [];
  if (scheme === undefined || authority === undefined) {
    throw new RedisUrlError("A Redis URL reads redis://[[user]:password@]host[:port][/db].");
  }
  const at = authority.lastIndexOf("@");
  const [, username, password] = /^([^:]*)(?::(.*))?$/.exec(authority.slice(0, Math.max(at, 0))) ?? [];
  return {
    scheme: scheme.toLowerCase(),
    username: decode(username, "user"),
    password: decode(password, "password"),
    authority: authority.slice(at + 1),
    path: decode(path, "path") ?? "",
    query: new Map(new URLSearchParams(query)),
  };
}

function decode(text: string | undefined, part: string): string | undefined {
  try {
    return text && decodeURIComponent(text);
  } catch {
    throw new RedisUrlError(`The ${part} of the Redis URL is not percent-encoded: write % as %25.`);
  }
}

function checkParameters(parameters: ReadonlyMap<string, string>): void {
  for (const name of parameters.keys()) {
    if (REDIS_URL_PARAMETERS.includes(name) || OTHERS_PARAMETERS.has(name)) continue;
    throw new RedisUrlError(
      `The Redis URL has an unknown parameter "${name}". Known: ${REDIS_URL_PARAMETERS.join(", ")}.`,
    );
  }
}

function placeOf(parts: readonly UrlParts[], masterName: string | undefined): RedisAddress["place"] {
  const [first] = parts;
  const { scheme, authority, path } = first as UrlParts;
  if (scheme === "sentinel") return sentinelPlace(parts, masterName);
  if (parts.length > 1) throw new RedisUrlError("Only sentinel:// URLs may be several, separated by semicolons.");
  if (scheme !== "redis+socket" && scheme !== "unix") return { kind: "tcp", ...hostOf(authority, REDIS_PORT) };
  if (path === "" || path === "/" || authority !== "") {
    throw new RedisUrlError(`The Redis URL names no socket. Write ${scheme}:///path/to/redis.sock.`);
  }
  return { kind: "socket", path };
}

function sentinelPlace(parts: readonly UrlParts[], masterName: string | undefined): SentinelPlace {
  if (parts.some(({ scheme }) => scheme !== "sentinel")) {
    throw new RedisUrlError("Each of several sentinels is written as sentinel://host:port, separated by semicolons.");
  }
  if (masterName === undefined || masterName === "") {
    throw new RedisUrlError("The sentinels' name for the master is missing. Append ?master_name=NAME to the URL.");
  }
  return { kind: "sentinel", sentinels: parts.map(({ authority }) => hostOf(authority, SENTINEL_PORT)), masterName };
}

function hostOf(authority: string, defaultPort: number): Host {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]*))(?::(\d*))?$/.exec(authority) ?? [];
  const number = port === undefined || port === "" ? defaultPort : Number(port);
  if ((bracketed ?? plain) === undefined || number < 1 || number > 65_535) {
    throw new RedisUrlError(`"${authority}" is no host and port. Write host:port, and an IPv6 address in brackets.`);
  }
  return { host: nonEmpty(bracketed ?? plain) ?? "localhost", port: number };
}

/** The path is the socket's where there is one, else it is the database. */
function dbOf(parts: readonly UrlParts[], parameters: ReadonlyMap<string, string>): number {
  const isSocket = parts.some(({ scheme }) => scheme === "redis+socket" || scheme === "unix");
  const path = isSocket ? undefined : parts.map((part) => part.path).find((text) => text.length > 1);
  const text = (path ?? parameters.get("virtual_host") ?? parameters.get("db") ?? "0").replace(/^\//, "");
  if (/^\d{1,5}$/.test(text)) return Number(text);
  throw new RedisUrlError(`"${text}" is no number of a Redis database. Write for example redis://localhost:6379/0.`);
}

/** `ssl_cert_reqs` in Celery's three spellings: `celery/backends/redis.py:_params_from_url`. */
function tlsOf(parameters: ReadonlyMap<string, string>): TlsFiles {
  const required = (parameters.get("ssl_cert_reqs") ?? "required").replace(/^CERT_/, "").toLowerCase();
  if (required !== "required" && required !== "optional" && required !== "none") {
    throw new RedisUrlError(`ssl_cert_reqs is "${required}" in the Redis URL. Known: required, optional, none.`);
  }
  return {
    caFile: parameters.get("ssl_ca_certs"),
    certFile: parameters.get("ssl_certfile"),
    keyFile: parameters.get("ssl_keyfile"),
    isServerChecked: required !== "none",
  };
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}
