import { ResultBackendUnavailableError } from "../../src/backend/errors.ts";
import { BrokerUnavailableError } from "../../src/broker/errors.ts";
import { AmqpLink } from "../../src/adapters/amqp/connections/amqp-link.ts";
import { parseAmqpUrls } from "../../src/adapters/amqp/connections/amqp-url.ts";
import { systemClock } from "../../src/util/clock.ts";
import { silentLogger } from "../../src/util/logger.ts";

/** What adapters open behind a URL. */
export function amqpLink(url: string, { isBackend = false } = {}): AmqpLink {
  const Unavailable = isBackend ? ResultBackendUnavailableError : BrokerUnavailableError;
  return new AmqpLink({
    url,
    addresses: parseAmqpUrls(url),
    heartbeat: 10,
    name: "test",
    clock: systemClock,
    log: silentLogger,
    unavailable: (detail, options) => new Unavailable(url, detail, options),
  });
}
