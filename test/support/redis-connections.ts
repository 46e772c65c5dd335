import type { Companions } from "../../src/adapters/redis/connections/companions.ts";
import { parseRedisUrl } from "../../src/adapters/redis/connections/redis-url.ts";
import { SupervisedConnections } from "../../src/adapters/redis/connections/supervised-connections.ts";
import type { RedisTlsOptions } from "../../src/adapters/redis/redis-options.ts";
import { BrokerUnavailableError } from "../../src/broker/errors.ts";
import { systemClock, type Clock } from "../../src/util/clock.ts";
import { silentLogger, type Logger } from "../../src/util/logger.ts";

export interface TestConnectionsOptions {
  readonly clock?: Clock;
  readonly log?: Logger;
  readonly masterName?: string;
  readonly tls?: RedisTlsOptions;
  readonly companions?: Companions;
}

/** Connections whose users are told of a broker that is not available. */
export function redisConnections(
  url: string,
  { clock = systemClock, log = silentLogger, masterName, tls, companions }: TestConnectionsOptions = {},
): SupervisedConnections {
  return new SupervisedConnections({
    url,
    endpoint: { address: parseRedisUrl(url, masterName), tls },
    companions,
    clock,
    log,
    unavailable: (detail, options) => new BrokerUnavailableError(url, detail, options),
  });
}
