import { bindingKey, type Broadcaster, type Listener, type ListenOptions } from "../../broker/broadcaster.ts";
import type { Message } from "../../message/message.ts";
import { matchesTopic } from "../../routing/topic-pattern.ts";
import type { Exchange } from "../../routing/topology.ts";
import { AsyncQueue } from "../../util/async-queue.ts";

/** Messages that wait for a slow listener; of more than these, the newest are dropped. */
const MAX_WAITING = 10_000;

/** News among those who share this object. */
export class MemoryBroadcaster implements Broadcaster {
  readonly #listeners = new Set<MemoryListener>();

  broadcast(message: Message, exchange: Exchange, routingKey = ""): Promise<number> {
    const meant = [...this.#listeners].filter((listener) => listener.isMeant(exchange, routingKey));
    for (const listener of meant) listener.hear(message);
    return Promise.resolve(meant.length);
  }

  async listen(exchange: Exchange, options: ListenOptions = {}): Promise<Listener> {
    options.signal?.throwIfAborted();
    const listener = new MemoryListener(exchange, bindingKey(exchange, options.pattern), () =>
      this.#listeners.delete(listener),
    );
    this.#listeners.add(listener);
    return listener;
  }
}

class MemoryListener implements Listener {
  readonly #exchange: Exchange;
  readonly #pattern: string | undefined;
  readonly #leave: () => void;
  readonly #heard = new AsyncQueue<Message>();

  constructor(exchange: Exchange, pattern: string | undefined, leave: () => void) {
    this.#exchange = exchange;
    this.#pattern = pattern;
    this.#leave = leave;
  }

  isMeant(exchange: Exchange, routingKey: string): boolean {
    return exchange.name === this.#exchange.name && this.#matches(routingKey);
  }

  hear(message: Message): void {
    if (this.#heard.size < MAX_WAITING) this.#heard.push(message);
  }

  [Symbol.asyncIterator](): AsyncIterator<Message, undefined> {
    return this.#heard[Symbol.asyncIterator]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#leave();
    this.#heard.end();
    return Promise.resolve();
  }

  #matches(routingKey: string): boolean {
    if (this.#pattern === undefined) return true;
    return this.#exchange.type === "topic" ? matchesTopic(this.#pattern, routingKey) : this.#pattern === routingKey;
  }
}
