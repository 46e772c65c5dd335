import { readFileSync } from "node:fs";
import { checkServerIdentity, type ConnectionOptions } from "node:tls";
import pg from "pg";
import type { Endpoint } from "./endpoint.ts";
import type { TlsFiles } from "./postgres-url.ts";

/** Packets after so much silence, in milliseconds, keep a router from forgetting a connection that is only listened to. */
const KEEP_ALIVE_MS = 10_000;

/** A client that is not connected yet. Throws where a file with a certificate cannot be read. */
export function createClient({ address, tls }: Endpoint): pg.Client {
  const { host, port, user, password, database, applicationName } = address;
  return new pg.Client({
    host,
    port,
    user,
    password,
    database,
    application_name: applicationName,
    ssl: tlsOptions(address.tls, tls),
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
  });
}

/** Options take the place of what the URL says of checks: whoever gives any, and does not say otherwise, wants them. */
function tlsOptions(files: TlsFiles | undefined, options: Endpoint["tls"]): ConnectionOptions | false {
  if (options === undefined) return files === undefined ? false : { ...filesOf(files), ...checksOf(files) };
  const ofUrl = files?.check === "verify-ca" ? ANY_NAME : {};
  return { ...filesOf(files), ...ofUrl, rejectUnauthorized: true, ...options, ...nameCheck(options) };
}

const ANY_NAME: ConnectionOptions = { checkServerIdentity: () => undefined };

/** As libpq: whoever names the authorities wants the certificate to be of one of them. */
function checksOf({ caFile, check }: TlsFiles): ConnectionOptions {
  if (check === "verify-full") return { rejectUnauthorized: true };
  return { rejectUnauthorized: check === "verify-ca" || caFile !== undefined, ...ANY_NAME };
}

/** pg asks for the host's name, whatever name it is told: the certificate is held against this one even so. */
function nameCheck({ servername }: NonNullable<Endpoint["tls"]>): ConnectionOptions {
  if (servername === undefined) return {};
  return { checkServerIdentity: (_host, certificate) => checkServerIdentity(servername, certificate) };
}

function filesOf(files: TlsFiles | undefined): ConnectionOptions {
  if (files === undefined) return {};
  const { caFile, certFile, keyFile } = files;
  return {
    ...(caFile === undefined ? {} : { ca: readFileSync(caFile) }),
    ...(certFile === undefined ? {} : { cert: readFileSync(certFile) }),
    ...(keyFile === undefined ? {} : { key: readFileSync(keyFile) }),
  };
}
