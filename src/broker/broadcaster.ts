import type { Message } from "../message/message.ts";
import type { Exchange } from "../routing/topology.ts";
import type { Abortable } from "../util/abortable.ts";
import type { ThreadSource } from "./thread-source.ts";

/** THE SEAM to live pub/sub, for remote control and events: at most once, to those who listen now, never stored for later. */
export interface Broadcaster {
  /** How a thread opens a broadcaster of its own to the same listeners, where they can be reached from there. */
  readonly source?: BroadcasterSource | undefined;
  /**
   * Resolves once the broker has the message, with how many connections hear it; undefined where the broker cannot tell. Listeners of one process may share
   * a connection.
   */
  broadcast(message: Message, exchange: Exchange, routingKey?: string): Promise<number | undefined>;
  /** Resolves once listening: what is broadcast after that arrives. Ends when disposed. */
  listen(exchange: Exchange, options?: ListenOptions): Promise<Listener>;
}

/** Its module exports `openBroadcaster: OpenBroadcaster`. */
export type BroadcasterSource = ThreadSource;

/** Opens nothing yet that may be missing: a broker that is away is met at the first use. */
export type OpenBroadcaster = (data: unknown) => Broadcaster & AsyncDisposable;

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
