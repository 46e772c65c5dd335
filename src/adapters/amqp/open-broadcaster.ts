/** What a thread runs that broadcasts and listens in a RabbitMQ: a connection of its own. */
import type { OpenBroadcaster } from "../../broker/broadcaster.ts";
import { BrokerUnavailableError } from "../../broker/errors.ts";
import { systemClock } from "../../util/clock.ts";
import { silentLogger } from "../../util/logger.ts";
import { AmqpBroadcaster } from "./amqp-broadcaster.ts";
import type { BroadcasterData } from "./broadcaster-source.ts";
import { AmqpLink } from "./connections/amqp-link.ts";

export const openBroadcaster: OpenBroadcaster = (data) => {
  const { url, addresses, tls, heartbeat } = data as BroadcasterData;
  const link = new AmqpLink({
    ...{ url, addresses, tls, heartbeat },
    name: "celeriac broadcasts of a thread",
    clock: systemClock,
    log: silentLogger,
    unavailable: (detail, options) => new BrokerUnavailableError(url, detail, options),
  });
  return Object.assign(new AmqpBroadcaster({ link, clock: systemClock }), {
    [Symbol.asyncDispose]: () => link[Symbol.asyncDispose](),
  });
};
