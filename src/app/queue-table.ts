import type { Binding, Exchange, Queue, Route, Topology } from "../routing/topology.ts";
import type { ResolvedConfig } from "./config.ts";
import { UnknownQueueError } from "./errors.ts";

/** A queue with the exchange and key that reach it. Celery: `kombu.Queue`. */
export interface QueueEntry {
  readonly queue: Queue;
  readonly exchange: Exchange;
  readonly routingKey: string;
  readonly bindings: readonly Binding[];
}

/** The exchange and the key by which a queue is reached. */
export type QueueAccess = Pick<QueueEntry, "exchange" | "routingKey">;

/** The queues of an app: the declared ones, the default one, and those made when first named. Celery: `celery/app/amqp.py:Queues`. */
export class QueueTable {
  readonly #entries = new Map<string, QueueEntry>();
  readonly #createMissing: boolean;
  readonly defaultQueue: string;
  /** Names of the queues in `taskQueues`, and of the default one: what a worker consumes when it is not told. */
  readonly declared: readonly string[];

  constructor(config: ResolvedConfig) {
    this.#createMissing = config.taskCreateMissingQueues;
    this.defaultQueue = config.taskDefaultQueue;
    for (const { name, exchange, exchangeType, routingKey, bindings, expiresMs } of config.taskQueues) {
      this.#entries.set(name, {
        queue: { name, ...(expiresMs === undefined ? {} : { expiresMs }) },
        exchange: { name: exchange, type: exchangeType },
        routingKey,
        bindings: [{ exchange, queue: name, routingKey }, ...bindings.map((more) => ({ ...more, queue: name }))],
      });
    }
    if (!this.#entries.has(this.defaultQueue)) {
      const { taskDefaultExchange: exchange, taskDefaultExchangeType: type, taskDefaultRoutingKey } = config;
      this.#entries.set(
        this.defaultQueue,
        simpleEntry(this.defaultQueue, { name: exchange, type }, taskDefaultRoutingKey),
      );
    }
    this.declared = this.names();
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Names of the queues known so far. */
  names(): readonly string[] {
    return [...this.#entries.keys()];
  }

  /** The queue of this name; made when missing, with a direct exchange of its own name, if the app allows that. */
  get(name: string): QueueEntry {
    const known = this.#entries.get(name);
    if (known !== undefined) return known;
    if (!this.#createMissing) throw new UnknownQueueError(name, this.names());
    const entry = simpleEntry(name, { name, type: "direct" }, name);
    this.#entries.set(name, entry);
    return entry;
  }

  /** Makes an unknown queue known, reached in this way; of one that is known, nothing changes. */
  add(name: string, { exchange, routingKey }: QueueAccess): void {
    if (!this.#entries.has(name)) this.#entries.set(name, simpleEntry(name, exchange, routingKey));
  }

  topologyOf(names: readonly string[]): Topology {
    return topologyOfEntries(names.map((name) => this.get(name)));
  }

  /** Of one queue, reached in this way where it is not known yet. */
  topologyWith(name: string, via: QueueAccess | undefined): Topology {
    const unknown = via !== undefined && !this.#entries.has(name);
    return topologyOfEntries([unknown ? simpleEntry(name, via.exchange, via.routingKey) : this.get(name)]);
  }
}

function topologyOfEntries(entries: readonly QueueEntry[]): Topology {
  return {
    exchanges: entries.map(({ exchange }) => exchange).filter(({ name }) => name !== ""),
    queues: entries.map(({ queue }) => queue),
    bindings: entries.flatMap(({ bindings }) => bindings).filter(({ exchange }) => exchange !== ""),
  };
}

/** Where to publish for a queue: past a direct exchange, straight to the queue. Celery: `celery/app/amqp.py:send_task_message`. */
export function routeTo(entry: QueueEntry, routingKey: string | undefined): Route {
  const { queue, exchange } = entry;
  if (exchange.type === "direct" && routingKey === undefined) return { exchange: "", routingKey: queue.name };
  return { exchange: exchange.name, routingKey: routingKey ?? entry.routingKey };
}

function simpleEntry(name: string, exchange: Exchange, routingKey: string): QueueEntry {
  return { queue: { name }, exchange, routingKey, bindings: [{ exchange: exchange.name, queue: name, routingKey }] };
}
