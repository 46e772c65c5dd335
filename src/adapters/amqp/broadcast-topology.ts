import { randomUUID } from "node:crypto";
import type { Channel } from "amqplib";
import type { Exchange } from "../../routing/topology.ts";

/** How long a message waits for who listens, and a queue for a listener, in milliseconds. */
interface QueueTimes {
  readonly messageTtl: number;
  readonly expires: number;
}

/** Of events. Celery: `event_queue_ttl`, `event_queue_expires`. */
const EVENT_TIMES: QueueTimes = { messageTtl: 5_000, expires: 60_000 };

/** Of commands and their replies. Celery: `control_queue_ttl`, `control_queue_expires`. */
const CONTROL_TIMES: QueueTimes = { messageTtl: 300_000, expires: 10_000 };

/** As Celery declares its own, or RabbitMQ would refuse it to one of both: `celeryev` lasts, what control goes by does not (kombu/pidbox.py:Mailbox, celery/events/event.py). */
export async function declareBroadcast(raw: Channel, { name, type }: Exchange): Promise<void> {
  await raw.assertExchange(name, type, { durable: isOfEvents(type), autoDelete: false });
}

/** A listener's own queue, which goes with it. Resolves with its name, which nobody has had before: the queue of a lost connection may still be there. */
export async function declareListener(raw: Channel, exchange: Exchange, key: string): Promise<string> {
  const { name, type } = exchange;
  const queue = isOfEvents(type) ? `${name}.${randomUUID()}` : `${randomUUID()}.${name}`;
  const times = isOfEvents(type) ? EVENT_TIMES : CONTROL_TIMES;
  await declareBroadcast(raw, exchange);
  await raw.assertQueue(queue, { exclusive: true, autoDelete: true, durable: false, ...times });
  await raw.bindQueue(queue, name, key);
  return queue;
}

function isOfEvents(type: Exchange["type"]): boolean {
  return type === "topic";
}
