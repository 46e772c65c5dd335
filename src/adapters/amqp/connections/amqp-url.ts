/** What a URL or an option of RabbitMQ says cannot be. */
export class AmqpUrlError extends TypeError {
  override readonly name = "AmqpUrlError";
}

/** One node: where it is, and as whom to enter. */
export interface AmqpAddress {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly vhost: string;
  /** Undefined without TLS. */
  readonly tls: TlsFiles | undefined;
  /** In seconds; undefined where the URL does not say. */
  readonly heartbeat: number | undefined;
}

/** Paths of PEM files, and whether the server's certificate is checked. */
export interface TlsFiles {
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly isServerChecked: boolean;
}

const AMQP_PORT = 5672;
const AMQPS_PORT = 5671;

/** RabbitMQ's names, and Celery's: a URL may have either. */
const PARAMETERS: readonly string[] = [
  ..."heartbeat cacertfile certfile keyfile verify".split(" "),
  ..."ssl_ca_certs ssl_certfile ssl_keyfile ssl_cert_reqs".split(" "),
];

/**
 * `amqp://[user[:password]@][host][:port][/vhost][?heartbeat=seconds]`, `amqps://` for TLS; several with semicolons between them. What stands behind the first
 * semicolon may be a bare `host[:port]`, which has the rest in common with the first (kombu/connection.py:Connection.switch). The vhost is percent-encoded, and
 * `/` where there is none. Throws AmqpUrlError.
 */
export function parseAmqpUrls(urls: string | readonly string[]): readonly [AmqpAddress, ...AmqpAddress[]] {
  const parts = [urls].flat().flatMap((url) => url.split(";"));
  const first = parseAmqpUrl(parts[0] ?? "");
  const others = parts.slice(1).filter((part) => part !== "");
  return [
    first,
    ...others.map((part) => (part.includes("://") ? parseAmqpUrl(part) : { ...first, ...hostOf(part, first.port) })),
  ];
}

function parseAmqpUrl(url: string): AmqpAddress {
  const [, scheme = "", authority = "", path = "", query = ""] =
    /^(amqps?|pyamqp):\/\/([^/?]*)(\/[^?]*)?(?:\?(.*))?$/i.exec(url) ?? [];
  if (scheme === "") throw new AmqpUrlError("A RabbitMQ URL reads amqp://[user:password@]host[:port][/vhost].");
  const isSecure = scheme.toLowerCase() === "amqps";
  const at = authority.lastIndexOf("@");
  const [, username, password] = /^([^:]*)(?::(.*))?$/.exec(authority.slice(0, Math.max(at, 0))) ?? [];
  const parameters = parametersOf(query);
  return {
    ...hostOf(authority.slice(at + 1), isSecure ? AMQPS_PORT : AMQP_PORT),
    username: decode(username, "user") || "guest",
    password: decode(password, "password") || (username ? "" : "guest"),
    vhost: decode(path.slice(1), "vhost") || "/",
    tls: isSecure ? tlsOf(parameters) : undefined,
    heartbeat: heartbeatOf(parameters.get("heartbeat")),
  };
}

function decode(text: string | undefined, part: string): string {
  try {
    return decodeURIComponent(text ?? "");
  } catch {
    throw new AmqpUrlError(`The ${part} of the RabbitMQ URL is not percent-encoded: write % as %25.`);
  }
}

function hostOf(authority: string, defaultPort: number): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]*))(?::(\d*))?$/.exec(authority) ?? [];
  const number = port === undefined || port === "" ? defaultPort : Number(port);
  const host = bracketed ?? plain;
  if (host === undefined || number < 1 || number > 65_535) {
    throw new AmqpUrlError(`"${authority}" is no host and port. Write host:port, and an IPv6 address in brackets.`);
  }
  return { host: host || "localhost", port: number };
}

function parametersOf(query: string): ReadonlyMap<string, string> {
  const parameters = new Map(new URLSearchParams(query));
  for (const name of parameters.keys()) {
    if (PARAMETERS.includes(name)) continue;
    throw new AmqpUrlError(`The RabbitMQ URL has an unknown parameter "${name}". Known: ${PARAMETERS.join(", ")}.`);
  }
  return parameters;
}

function heartbeatOf(seconds: string | undefined): number | undefined {
  if (seconds === undefined) return undefined;
  if (/^\d{1,5}$/.test(seconds) && Number(seconds) >= 1) return Number(seconds);
  throw new AmqpUrlError(`heartbeat is "${seconds}" in the RabbitMQ URL. Write whole seconds, at least 1.`);
}

function tlsOf(parameters: ReadonlyMap<string, string>): TlsFiles {
  const verify = parameters.get("verify") ?? parameters.get("ssl_cert_reqs") ?? "verify_peer";
  const kind = verify.replace(/^(?:verify|CERT)_/, "").toLowerCase();
  if (!["peer", "required", "optional", "none"].includes(kind)) {
    throw new AmqpUrlError(`verify is "${verify}" in the RabbitMQ URL. Known: verify_peer, verify_none.`);
  }
  return {
    caFile: parameters.get("cacertfile") ?? parameters.get("ssl_ca_certs"),
    certFile: parameters.get("certfile") ?? parameters.get("ssl_certfile"),
    keyFile: parameters.get("keyfile") ?? parameters.get("ssl_keyfile"),
    isServerChecked: kind !== "none",
  };
}
