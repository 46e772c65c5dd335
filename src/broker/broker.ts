import type { Message } from "../message/message.ts";
import type { Route, Topology } from "../routing/topology.ts";
import type { Abortable } from "../util/abortable.ts";
import type { Broadcaster } from "./broadcaster.ts";

/**
 * THE SEAM to a message broker. RabbitMQ implements it natively; stores without AMQP semantics implement `MessageStore`
 * and stand behind `QueuedBroker`. `exerciseBroker` of `celeriac/testing` is its definition in tests.
 */
export interface Broker extends AsyncDisposable {
  readonly features: BrokerFeatures;
  readonly state: BrokerState;
  /** Live-only pub/sub for control and events; undefined where the broker has none. */
  readonly broadcaster: Broadcaster | undefined;

  /** Resolves once the broker can be used; rejects with BrokerUnavailableError. Calling it again is fine. */
  connect(options?: Abortable): Promise<void>;
  /** Round trip in milliseconds; rejects with BrokerUnavailableError. */
  ping(options?: Abortable): Promise<number>;
  /** Idempotent, and remembered: declared again after every reconnect. Rejects with TopologyMismatchError. */
  declare(topology: Topology, options?: Abortable): Promise<void>;
  /**
   * Resolves once the broker has taken responsibility for every message: they survive its restart. One round trip however many they are.
   * Rejects with UnroutableError, before anything is published, when one of them would reach no queue.
   */
  publish(publications: readonly Publication[], options?: Abortable): Promise<void>;
  /** Survives reconnects; ends when disposed. */
  consume(queues: readonly string[], options: ConsumeOptions): Consumer;
  /** Names of all queues that the broker can list; at least those declared here. Sorted. */
  queueNames(options?: Abortable): Promise<readonly string[]>;
  /** Undefined when the queue does not exist. */
  inspect(queue: string, options?: Abortable): Promise<QueueDepth | undefined>;
  /** Drops ready and delayed messages and returns how many. What a consumer holds stays with it. */
  purge(queue: string, options?: Abortable): Promise<number>;
  /** Deletes the queue with its bindings and messages; false when a condition held it back or there was no such queue. */
  remove(queue: string, options?: RemoveOptions): Promise<boolean>;
  /** What was dead-lettered, oldest first. */
  deadLetters(options?: DeadLetterQuery): Promise<readonly DeadLetter[]>;
  /** Tells of every change of `state`. */
  onState(listener: (state: BrokerState, cause?: Error) => void): Disposable;
}

/** What a broker can do. Callers branch on these, never on the broker's name. */
export interface BrokerFeatures {
  /** Which end of 0–9 is served first: `highest-first` as AMQP has it, `lowest-first` as Kombu's Redis has it. */
  readonly priorityOrder: "highest-first" | "lowest-first";
  /** Priorities closer than this are served as one: 1 where all ten differ, 3 for Kombu's Redis. */
  readonly priorityStep: number;
  /** Longest delay that the broker itself can hold, in milliseconds; the consumer defers what is due later. */
  readonly maxDelayMs: number;
  /** Larger bodies are refused at publish. */
  readonly maxMessageBytes: number;
}

/** `idle` before connect; `lost` while a broken connection is being rebuilt. */
export type BrokerState = "idle" | "connecting" | "open" | "lost" | "closed";

export interface Publication {
  readonly message: Message;
  readonly route: Route;
  /** Not delivered before so many milliseconds have passed. Cut to `features.maxDelayMs`. @default 0 */
  readonly delayMs?: number;
}

export interface ConsumeOptions {
  /** Most unsettled deliveries at once; at least 1. */
  readonly prefetch: number;
}

export interface RemoveOptions extends Abortable {
  /** Only when it holds no message, leased and delayed ones included. @default false */
  readonly ifEmpty?: boolean;
  /** Only when nobody consumes from it. @default false */
  readonly ifUnused?: boolean;
}

export interface QueueDepth {
  readonly ready: number;
  readonly delayed: number;
  readonly unacked: number;
  /** Undefined where the broker cannot tell. */
  readonly consumers: number | undefined;
}

export interface Consumer extends AsyncIterable<Delivery>, AsyncDisposable {
  /** Writable: a pool that grows raises it. Lowering it takes effect as deliveries are settled. */
  prefetch: number;
  /** Starts consuming from one more queue. */
  add(queue: string): void;
  /** Stops consuming from a queue; deliveries already handed out stay with the caller. */
  cancel(queue: string): void;
  /**
   * Stops taking messages and hands back those not yet yielded; then the iteration ends. Deliveries that were yielded
   * keep their lease until they are settled.
   */
  stop(): Promise<void>;
  /**
   * Stops, hands back what is unsettled, and waits for what is being settled: for a few seconds at most, also when the broker is away or
   * does not answer. Then `stop` and the iteration end too, settlements that are still under way reject with BrokerUnavailableError (the
   * lease will run out), and later ones with DeliveryLostError.
   */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A message that we owe an answer. Exactly one of the four settling methods may be called, once. Each rejects with DeliveryLostError when the lease was lost. */
export interface Delivery {
  readonly message: Message;
  readonly queue: string;
  /** How often this message was handed out, this time included; deferrals do not count. */
  readonly deliveries: number;
  /** Grows with every hand-out of this message, deferrals included: a fencing token. */
  readonly fence: number;
  /** Aborts when the lease is lost: whatever is done after that is done twice. */
  readonly lost: AbortSignal;
  /** Done: the broker forgets the message. */
  ack(): Promise<void>;
  /** Back to the queue it came from, to be delivered next. */
  requeue(): Promise<void>;
  /** Back to the broker until `until`; it then arrives as if new, its delivery count unchanged. */
  defer(until: Date): Promise<void>;
  /** Out of the way of every consumer, kept with its reason. */
  deadLetter(reason: DeadLetterReason): Promise<void>;
}

export interface DeadLetterReason {
  /** A stable word for scripts: `unreadable`, `unknown-task`, `rejected` … */
  readonly code: string;
  /** A sentence for people. */
  readonly detail: string;
}

export interface DeadLetter {
  /** Names the dead letter on this broker. */
  readonly id: string;
  /** The queue that it came from. */
  readonly queue: string;
  readonly message: Message;
  readonly reason: DeadLetterReason;
  readonly deliveries: number;
  readonly diedAt: Date;
}

export interface DeadLetterQuery extends Abortable {
  /** Only those from this queue. @default all */
  readonly queue?: string;
  /** @default 100 */
  readonly limit?: number;
}
