import { randomUUID } from "node:crypto";
import { ResultBackendUnavailableError } from "../../backend/errors.ts";
import { BrokerUnavailableError } from "../../broker/errors.ts";
import { maskUrl } from "../../util/mask-url.ts";
import type { Adapter, AdapterContext } from "../adapter.ts";
import { AmqpBroadcaster } from "./amqp-broadcaster.ts";
import { AmqpBroker } from "./amqp-broker.ts";
import type { AmqpOptions } from "./amqp-options.ts";
import { broadcasterSource } from "./broadcaster-source.ts";
import type { Unavailable } from "./connections/amqp-failure.ts";
import { AmqpLink } from "./connections/amqp-link.ts";
import { AmqpUrlError, parseAmqpUrls } from "./connections/amqp-url.ts";
import { ConsumerTimeout } from "./consumer-timeout.ts";
import { RpcBackend } from "./rpc-backend.ts";

export { AmqpUrlError } from "./connections/amqp-url.ts";
export type { AmqpOptions, AmqpTlsOptions } from "./amqp-options.ts";

/** In seconds. What a worker holds goes to others after two of them. */
const DEFAULT_HEARTBEAT = 10;

/** Queues in a RabbitMQ, and results that are sent by it (`rpc://`), as Celery has them, shared with Python. Throws AmqpUrlError. */
export function amqp(options: AmqpOptions): Adapter {
  const {
    tls,
    resultPersistent: isPersistent,
    queueType,
    maxPriority,
    deadLetterQueue = "celeriac.dead-letters",
  } = options;
  const url = [options.url].flat().map(maskUrl).join(";");
  const addresses = parseAmqpUrls(options.url);
  const own = heartbeatOf(options.heartbeatMs) ?? addresses[0].heartbeat;
  checkMaxPriority(maxPriority);
  const timeout = new ConsumerTimeout(consumerTimeoutOf(options.consumerTimeoutMs));
  return {
    url,
    createBroker: ({ clock, log, leaseMs }) => {
      const heartbeat = own ?? (leaseMs === undefined ? DEFAULT_HEARTBEAT : Math.max(1, Math.round(leaseMs / 2_000)));
      const unavailable: Unavailable = (detail, cause) => new BrokerUnavailableError(url, detail, cause);
      const connect = (name: string, context: AdapterContext): AmqpLink =>
        new AmqpLink({ url, addresses, tls, heartbeat, name: `celeriac ${name}`, unavailable, ...context });
      const sending = connect("sending", { clock, log });
      const source = broadcasterSource({ url, addresses, tls, heartbeat });
      return new AmqpBroker({
        link: connect("consuming", { clock, log }),
        sending,
        broadcaster: new AmqpBroadcaster({ link: sending, clock, source }),
        queues: { queueType, maxPriority },
        deadLetterQueue,
        silenceMs: heartbeat * 1_000,
        timeout,
        clock,
        log,
      });
    },
    sendsResults: true,
    createResultBackend: ({ clock, log, resultExpiresMs, oid = randomUUID() }) => {
      const unavailable: Unavailable = (detail, cause) => new ResultBackendUnavailableError(url, detail, cause);
      const heartbeat = own ?? DEFAULT_HEARTBEAT;
      const name = "celeriac results";
      const link = new AmqpLink({ url, addresses, tls, heartbeat, name, unavailable, clock, log });
      return new RpcBackend({ link, clock, log, oid, resultExpiresMs, isPersistent });
    },
  };
}

function heartbeatOf(ms: number | undefined): number | undefined {
  if (ms === undefined) return undefined;
  if (Number.isSafeInteger(ms / 1_000) && ms >= 1_000) return ms / 1_000;
  throw new AmqpUrlError(
    `heartbeatMs is ${ms}. AMQP counts it in whole seconds, at least one: write a multiple of 1000.`,
  );
}

function consumerTimeoutOf(ms: number | undefined): number | undefined {
  if (ms === undefined || (Number.isSafeInteger(ms) && ms >= 1_000)) return ms;
  throw new AmqpUrlError(`consumerTimeoutMs is ${ms}. Write the server's consumer_timeout, in whole milliseconds.`);
}

function checkMaxPriority(maxPriority: number | undefined): void {
  if (maxPriority === undefined || (Number.isInteger(maxPriority) && maxPriority >= 1 && maxPriority <= 255)) return;
  throw new AmqpUrlError(`maxPriority is ${maxPriority}. RabbitMQ takes whole numbers from 1 to 255.`);
}
