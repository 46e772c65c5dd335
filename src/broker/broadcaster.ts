import type { Message } from "../message/message.ts";
import type { Exchange } from "../routing/topology.ts";
import type { Abortable } from "../util/abortable.ts";

/** THE SEAM to live pub/sub, for remote control and events: at most once, to those who listen now, never stored for later. */
export interface Broadcaster {
  /** Resolves once the broker has the message; whether anybody listens is not known. */
  broadcast(message: Message, exchange: Exchange, routingKey?: string): Promise<void>;
  /** Resolves once listening: what is broadcast after that arrives. Ends when disposed. */
  listen(exchange: Exchange, options?: ListenOptions): Promise<Listener>;
}

export interface Listener extends AsyncIterable<Message>, AsyncDisposable {}

export interface ListenOptions extends Abortable {
  /** For a topic exchange, a topic pattern; for a direct one, the routing key. @default everything; of a direct exchange, the empty key */
  readonly pattern?: string;
}

/** What a listener is bound to its exchange by, as a queue would be; undefined for everything. */
export function bindingKey({ type }: Exchange, pattern: string | undefined): string | undefined {
  if (type === "fanout") return undefined;
  return type === "direct" ? (pattern ?? "") : pattern;
}
