import { UnroutableError } from "../../broker/errors.ts";
import type { Outgoing } from "./amqp-message.ts";
import { isRefusedWith } from "./connections/amqp-channel.ts";
import { UnusableError, type AmqpReplyError } from "./connections/amqp-failure.ts";

/**
 * Who is to blame when the server closes the channel that all send by, told from what it says: AMQP does not name the message. Undefined where that tells nothing.
 */
export function culpritOf({ text }: AmqpReplyError): ((item: Outgoing) => boolean) | undefined {
  const exchange = EXCHANGE.exec(text)?.[1];
  const topic = TOPIC.exec(text)?.[1];
  if (exchange !== undefined) {
    return (item) => item.exchange === exchange && (topic === undefined || item.routingKey === topic);
  }
  const maxBytes = TOO_LARGE.exec(text)?.[1];
  if (maxBytes !== undefined) return ({ content }) => content.byteLength > Number(maxBytes);
  const expiration = EXPIRATION.exec(text)?.[1];
  if (expiration !== undefined) return ({ properties }) => String(properties.expiration) === expiration;
  return undefined;
}

/** What the sender is told of whose message closed the channel. */
export function refusalOf(reason: AmqpReplyError, { exchange, routingKey }: Outgoing): Error {
  return isRefusedWith(reason, 404) ? new UnroutableError(exchange, routingKey) : reason;
}

/** What the others are told, who sent by the same channel. */
export function closedByAnother({ text }: AmqpReplyError): UnusableError {
  return new UnusableError(
    `it refused another send and closed the channel; what others sent by it may have been published. It said: ${text}.`,
  );
}

const EXCHANGE = /exchange '(.*?)' in vhost/s;
const TOPIC = /topic '(.*?)' in exchange/s;
const TOO_LARGE = /message size \d+ is larger than .*max size (\d+)/s;
const EXPIRATION = /invalid expiration '(.*?)'/s;
