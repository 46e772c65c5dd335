import { randomUUID } from "node:crypto";
import type { Channel, Options } from "amqplib";
import type { Exchange } from "../../routing/topology.ts";

/** Goes with its listener's connection. */
const GOES: Options.AssertQueue = { exclusive: true, autoDelete: true, durable: false };

/** Of events. Times are in milliseconds: for how long a message waits for who listens, and a queue for a listener. Celery: `event_queue_ttl`, `event_queue_expires`. */
const OF_EVENTS: Options.AssertQueue = { ...GOES, messageTtl: 5_000, expires: 60_000 };

/** Of replies, for which somebody waits. Celery: `control_queue_ttl`, `control_queue_expires`. */
const OF_REPLIES: Options.AssertQueue = { ...GOES, messageTtl: 300_000, expires: 10_000 };

/**
 * Of commands: what a worker is told while its connection is lost, as while a task keeps it from sending heartbeats, it does afterwards. For as long as
 * a command waits. A classic queue also where the virtual host has others by default.
 */
const OF_COMMANDS: Options.AssertQueue = {
  ...{ durable: true, messageTtl: 300_000, expires: 300_000 },
  arguments: { "x-queue-type": "classic" },
};

/** As Celery declares its own, or RabbitMQ would refuse it to one of both: `celeryev` lasts, what control goes by does not (kombu/pidbox.py:Mailbox, celery/events/event.py). */
export async function declareBroadcast(raw: Channel, { name, type }: Exchange): Promise<void> {
  await raw.assertExchange(name, type, { durable: isOfEvents(type), autoDelete: false });
}

/** A listener's own queue, by a name that nobody has had before. */
export function listenerQueue({ name, type }: Exchange): string {
  return isOfEvents(type) ? `${name}.${randomUUID()}` : `${randomUUID()}.${name}`;
}

/** Whether a listener's queue stays where its connection is lost. */
export function isLasting({ type }: Exchange): boolean {
  return type === "fanout";
}

export async function declareListener(raw: Channel, exchange: Exchange, queue: string, key: string): Promise<void> {
  await declareBroadcast(raw, exchange);
  await raw.assertQueue(queue, isLasting(exchange) ? OF_COMMANDS : isOfEvents(exchange.type) ? OF_EVENTS : OF_REPLIES);
  await raw.bindQueue(queue, exchange.name, key);
}

function isOfEvents(type: Exchange["type"]): boolean {
  return type === "topic";
}
