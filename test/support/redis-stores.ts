import { parseRedisUrl } from "../../src/adapters/redis/connections/redis-url.ts";
import { SupervisedConnections } from "../../src/adapters/redis/connections/supervised-connections.ts";
import { renewerSource } from "../../src/adapters/redis/renewer-source.ts";
import { RedisStore } from "../../src/adapters/redis/store/redis-store.ts";
import { BrokerUnavailableError } from "../../src/broker/errors.ts";
import { systemClock, type Clock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";

export interface RedisStoreOptions {
  readonly url: string;
  readonly keyPrefix?: string;
  readonly clock?: Clock;
  readonly visibilityTimeoutMs?: number;
}

/** A store with connections of its own, as another process would have. */
export function openRedisStore({
  url,
  clock = systemClock,
  keyPrefix = "",
  ...options
}: RedisStoreOptions): RedisStore {
  const renewer = renewerSource({ renews: "leases", url, endpoint: { address: parseRedisUrl(url) }, keyPrefix });
  return new RedisStore({ url, connections: openConnections(url, clock), clock, keyPrefix, renewer, ...options });
}

export function openConnections(url: string, clock: Clock = systemClock): SupervisedConnections {
  return new SupervisedConnections({
    url,
    endpoint: { address: parseRedisUrl(url) },
    clock,
    log,
    unavailable: (detail, options) => new BrokerUnavailableError(url, detail, options),
  });
}
