import { ResultBackendUnavailableError } from "../../backend/errors.ts";
import { BrokerUnavailableError } from "../../broker/errors.ts";
import { QueuedBroker } from "../../broker/queued/queued-broker.ts";
import { maskUrl } from "../../util/mask-url.ts";
import type { Adapter, AdapterContext } from "../adapter.ts";
import { broadcasterSource } from "./broadcaster-source.ts";
import { Companions } from "./connections/companions.ts";
import type { Unavailable } from "./connections/failure.ts";
import type { RedisConnections } from "./connections/redis-link.ts";
import { parseRedisUrl } from "./connections/redis-url.ts";
import { SupervisedConnections } from "./connections/supervised-connections.ts";
import { EmptyFamilies } from "./empty-families.ts";
import { RedisBackend } from "./redis-backend.ts";
import { RedisBroadcaster } from "./redis-broadcaster.ts";
import { RedisKeyStore } from "./redis-keys.ts";
import type { RedisOptions } from "./redis-options.ts";
import { renewerSource } from "./renewer-source.ts";
import { RedisStore } from "./store/redis-store.ts";

export { RedisUrlError } from "./connections/redis-url.ts";
export type { RedisOptions, RedisTlsOptions } from "./redis-options.ts";

/** Queues, results and keys in a Redis, as Celery keeps them, shared with Python. Throws RedisUrlError. */
export function redis(options: RedisOptions): Adapter {
  const { tls, sentinelUsername, sentinelPassword, globalKeyprefix: keyPrefix = "", resultKeyprefix = "" } = options;
  const url = maskUrl(options.url);
  const address = parseRedisUrl(options.url, options.masterName);
  const endpoint = { address, tls, sentinelUsername, sentinelPassword };
  const companions = new Companions();
  const families = new EmptyFamilies();
  const connect = ({ clock, log }: AdapterContext, unavailable: Unavailable): RedisConnections =>
    new SupervisedConnections({ url, endpoint, companions, clock, log, unavailable });
  const brokerUnavailable: Unavailable = (detail, cause) => new BrokerUnavailableError(url, detail, cause);
  const resultsUnavailable: Unavailable = (detail, cause) => new ResultBackendUnavailableError(url, detail, cause);
  return {
    url,
    createBroker: (context) => {
      const { clock, log, leaseMs, visibilityTimeoutMs } = context;
      const connections = connect(context, brokerUnavailable);
      const renewer = renewerSource({ renews: "leases", url, endpoint, keyPrefix });
      const store = new RedisStore({ url, connections, clock, keyPrefix, renewer, visibilityTimeoutMs, families });
      const source = broadcasterSource({ url, endpoint, keyPrefix });
      const broadcaster = new RedisBroadcaster({ connections, keyPrefix, db: address.db, clock, source });
      return new QueuedBroker({ store, broadcaster, clock, log, leaseMs });
    },
    createResultBackend: (context) =>
      new RedisBackend({
        connections: connect(context, resultsUnavailable),
        keyPrefix: resultKeyprefix,
        resultExpiresMs: context.resultExpiresMs,
        clock: context.clock,
        log: context.log,
      }),
    createKeyStore: (context) =>
      new RedisKeyStore({
        connections: connect(context, brokerUnavailable),
        keyPrefix,
        renewer: renewerSource({ renews: "claims", url, endpoint, keyPrefix }),
        families,
      }),
  };
}
