import { readFileSync } from "node:fs";
import { Redis, type RedisOptions } from "ioredis";
import type { RedisTlsOptions } from "../redis-options.ts";
import type { Command } from "./redis-link.ts";
import type { RedisAddress, TlsFiles } from "./redis-url.ts";

/** How long one sentinel may take to tell where the master is, before the next is asked, in milliseconds. */
const SENTINEL_MS = 1_000;

export interface Endpoint {
  readonly address: RedisAddress;
  /** Beside, and before, what the URL says of certificates. */
  readonly tls?: RedisTlsOptions | undefined;
  /** How the sentinels themselves know their clients. */
  readonly sentinelUsername?: string | undefined;
  readonly sentinelPassword?: string | undefined;
}

/** A client for one connection: what ioredis would do about a lost one is switched off, as is its handshake, for which see `loginCommands`. */
export function createClient(endpoint: Endpoint): Redis {
  const options: object = { ...ONE_CONNECTION, ...placeOptions(endpoint) };
  return new Redis(options);
}

/** What a connection begins with. */
export function loginCommands({ username, password, db }: RedisAddress): readonly Command[] {
  const user = username === undefined ? [] : [username];
  return [
    ...(password === undefined ? [] : [["AUTH", ...user, password] as const]),
    ...(db === 0 ? [] : [["SELECT", db] as const]),
  ];
}

const ONE_CONNECTION: RedisOptions = {
  lazyConnect: true,
  retryStrategy: () => null,
  sentinelRetryStrategy: () => null,
  maxRetriesPerRequest: 0,
  enableOfflineQueue: false,
  enableReadyCheck: false,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  disableClientInfo: true,
  connectTimeout: 0,
  protocol: 2,
};

function placeOptions({ address, tls, sentinelUsername, sentinelPassword }: Endpoint): RedisOptions {
  const { place } = address;
  const security = address.tls === undefined && tls === undefined ? {} : { tls: { ...readFiles(address.tls), ...tls } };
  switch (place.kind) {
    case "tcp":
      return { host: place.host, port: place.port, ...security };
    case "socket":
      return { path: place.path };
    case "sentinel":
      return {
        sentinels: [...place.sentinels],
        name: place.masterName,
        ...(sentinelUsername === undefined ? {} : { sentinelUsername }),
        ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
        sentinelCommandTimeout: SENTINEL_MS,
        connectTimeout: SENTINEL_MS,
        ...security,
        ...(security.tls === undefined ? {} : { sentinelTLS: security.tls, enableTLSForSentinelMode: true }),
      };
  }
}

/** Read at every connection, so that a renewed certificate is taken up. */
function readFiles(files: TlsFiles | undefined): RedisTlsOptions {
  if (files === undefined) return {};
  const { caFile, certFile, keyFile, isServerChecked } = files;
  return {
    rejectUnauthorized: isServerChecked,
    ...(caFile === undefined ? {} : { ca: readFileSync(caFile) }),
    ...(certFile === undefined ? {} : { cert: readFileSync(certFile) }),
    ...(keyFile === undefined ? {} : { key: readFileSync(keyFile) }),
  };
}
