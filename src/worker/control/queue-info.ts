import type { Dict } from "../../message/fields.ts";
import type { QueuePause } from "../../app/queue-pauses.ts";
import type { QueueEntry } from "../../app/queue-table.ts";

/**
 * A queue as Celery's `active_queues` shows it; monitors count on every field, and pass over `paused`, which is ours: a paused queue is the worker's still, and
 * can be cancelled. Kombu: `kombu/entity.py:Queue.as_dict`.
 */
export function queueInfo({ queue, exchange, routingKey }: QueueEntry, pause: QueuePause | undefined): Dict {
  return {
    name: queue.name,
    exchange: {
      name: exchange.name,
      type: exchange.type,
      arguments: null,
      durable: true,
      passive: false,
      auto_delete: false,
      delivery_mode: null,
      no_declare: false,
    },
    routing_key: routingKey,
    queue_arguments: null,
    binding_arguments: null,
    consumer_arguments: null,
    durable: true,
    exclusive: queue.exclusive === true,
    auto_delete: false,
    no_ack: false,
    alias: null,
    bindings: [],
    no_declare: null,
    expires: queue.expiresMs === undefined ? null : queue.expiresMs / 1000,
    message_ttl: null,
    max_length: null,
    max_length_bytes: null,
    max_priority: null,
    ...(pause === undefined ? {} : { paused: pauseInfo(pause) }),
  };
}

/** Seconds since the epoch, as Celery tells times. */
function pauseInfo({ since, by, reason }: QueuePause): Dict {
  return { since: since.getTime() / 1000, by, reason: reason ?? null };
}
