import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
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
  if (options === undefined) return files === undefined ? false : filesOf(files);
  return { ...filesOf(files), rejectUnauthorized: true, ...options };
}

function filesOf(files: TlsFiles | undefined): ConnectionOptions {
  if (files === undefined) return {};
  const { caFile, certFile, keyFile, check } = files;
  return {
    ...(caFile === undefined ? {} : { ca: readFileSync(caFile) }),
    ...(certFile === undefined ? {} : { cert: readFileSync(certFile) }),
    ...(keyFile === undefined ? {} : { key: readFileSync(keyFile) }),
    rejectUnauthorized: check !== "require",
    ...(check === "verify-ca" ? { checkServerIdentity: () => undefined } : {}),
  };
}
