import { matchesTopic } from "./topic-pattern.ts";
import type { Binding, ExchangeType } from "./topology.ts";

/** The queues that a message sent to an exchange with these bindings reaches, each once, in the order of the bindings. */
export function queuesFor(type: ExchangeType, bindings: readonly Binding[], routingKey: string): readonly string[] {
  const matches = MATCH[type];
  const queues = new Set<string>();
  for (const binding of bindings) {
    if (matches(binding.routingKey, routingKey)) queues.add(binding.queue);
  }
  return [...queues];
}

const MATCH: Readonly<Record<ExchangeType, (bindingKey: string, routingKey: string) => boolean>> = {
  direct: (bindingKey, routingKey) => bindingKey === routingKey,
  topic: matchesTopic,
  fanout: () => true,
};
