/** What a thread runs that broadcasts and listens in a Redis: connections of its own. */
import type { OpenBroadcaster } from "../../broker/broadcaster.ts";
import { BrokerUnavailableError } from "../../broker/errors.ts";
import { systemClock } from "../../util/clock.ts";
import { silentLogger } from "../../util/logger.ts";
import type { BroadcasterData } from "./broadcaster-source.ts";
import { SupervisedConnections } from "./connections/supervised-connections.ts";
import { RedisBroadcaster } from "./redis-broadcaster.ts";

export const openBroadcaster: OpenBroadcaster = (data) => {
  const { url, endpoint, keyPrefix } = data as BroadcasterData;
  const connections = new SupervisedConnections({
    url,
    endpoint,
    clock: systemClock,
    log: silentLogger,
    unavailable: (detail, options) => new BrokerUnavailableError(url, detail, options),
  });
  const { db } = endpoint.address;
  return Object.assign(new RedisBroadcaster({ connections, keyPrefix, db, clock: systemClock }), {
    [Symbol.asyncDispose]: () => connections[Symbol.asyncDispose](),
  });
};
