import type { Binding, Exchange, Queue, Topology } from "../../routing/topology.ts";

/** All that was declared on a broker and not removed since: what is declared again after a reconnect. */
export class RememberedTopology {
  readonly #exchanges = new Map<string, Exchange>();
  readonly #queues = new Map<string, Queue>();
  readonly #bindings = new Map<string, Binding>();

  remember(topology: Topology): void {
    for (const exchange of topology.exchanges ?? []) this.#exchanges.set(exchange.name, exchange);
    for (const queue of topology.queues ?? []) this.#queues.set(queue.name, queue);
    for (const binding of topology.bindings ?? []) this.#bindings.set(keyOf(binding), binding);
  }

  /** A removed queue takes its bindings with it. */
  forget(queue: string): void {
    this.#queues.delete(queue);
    for (const [key, binding] of this.#bindings) if (binding.queue === queue) this.#bindings.delete(key);
  }

  get topology(): Required<Topology> {
    return {
      exchanges: [...this.#exchanges.values()],
      queues: [...this.#queues.values()],
      bindings: [...this.#bindings.values()],
    };
  }
}

function keyOf({ exchange, queue, routingKey }: Binding): string {
  return JSON.stringify([exchange, queue, routingKey]);
}
