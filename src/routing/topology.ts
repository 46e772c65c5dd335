/** Where a message is addressed. Queues are reached through bindings; the default exchange `""` reaches the queue named by the routing key. */
export interface Route {
  readonly exchange: string;
  readonly routingKey: string;
}

export type ExchangeType = "direct" | "topic" | "fanout";

export interface Exchange {
  readonly name: string;
  readonly type: ExchangeType;
}

export interface Queue {
  readonly name: string;
  /** Deleted when the broker object that declared it is disposed: reply queues. @default false */
  readonly exclusive?: boolean;
  /** Deleted after this long without a consumer, in milliseconds. @default never */
  readonly expiresMs?: number;
}

/** Messages that reach `exchange` with a matching key are copied to `queue`. A topic key has `*` (one word) and `#` (any words). */
export interface Binding {
  readonly exchange: string;
  readonly queue: string;
  readonly routingKey: string;
}

export interface Topology {
  readonly exchanges?: readonly Exchange[];
  readonly queues?: readonly Queue[];
  readonly bindings?: readonly Binding[];
}
