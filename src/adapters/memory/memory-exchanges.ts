import { TopologyMismatchError } from "../../broker/errors.ts";
import type { StoredExchange } from "../../broker/queued/message-store.ts";
import type { Binding, Exchange, ExchangeType } from "../../routing/topology.ts";

/** Exchanges, and which queues are bound to them. */
export class MemoryExchanges {
  readonly #types = new Map<string, ExchangeType>();
  readonly #bindings = new Map<string, Binding>();

  /** All or, with TopologyMismatchError, none. */
  declare(exchanges: readonly Exchange[]): void {
    for (const { name, type } of exchanges) {
      const existing = this.#types.get(name) ?? type;
      if (existing !== type) throw new TopologyMismatchError(`Exchange "${name}"`, existing, type);
    }
    for (const { name, type } of exchanges) this.#types.set(name, type);
  }

  bind(bindings: readonly Binding[]): void {
    for (const binding of bindings) {
      this.#bindings.set(JSON.stringify([binding.exchange, binding.queue, binding.routingKey]), binding);
    }
  }

  get(name: string): StoredExchange | undefined {
    const type = this.#types.get(name);
    if (type === undefined) return undefined;
    return { type, bindings: [...this.#bindings.values()].filter((binding) => binding.exchange === name) };
  }

  unbind(queue: string): void {
    for (const [key, binding] of this.#bindings) if (binding.queue === queue) this.#bindings.delete(key);
  }
}
