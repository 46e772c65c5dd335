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
   * Tells of each publication, in their order, what came of it: undefined when it was published, else the correlation id of the message
   * that holds its unique key. Rejects with UnroutableError, before anything is published, when one of them would reach no queue.
   */
  publish(publications: readonly Publication[], options?: Abortable): Promise<readonly (string | undefined)[]>;
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
  deadLetters(query?: DeadLetterQuery): Promise<readonly DeadLetter[]>;
  /**
   * Puts dead letters back into their queue, behind what waits there, and returns how many; what dies meanwhile is not among them. Each is
   * as new, no delivery counted, but keeps its history, in which its death is the last note. It takes its unique key again if that is free,
   * and is replayed without it if not: somebody has asked for this message, and need not know what else is waiting. Resolves once all
   * survive the broker's restart. Rejects with UnroutableError, before anything is replayed, when one of the queues does not exist.
   */
  replay(selection: DeadLetterSelection, options?: ReplayOptions): Promise<number>;
  /** Forgets dead letters for good, and returns how many. */
  drop(selection: DeadLetterSelection, options?: Abortable): Promise<number>;
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
  /** Whether publications may have a `unique` key; where not, those that do are published like any other. */
  readonly uniqueKeys: boolean;
  /** Whether what is requeued or handed back has the place that it had in its queue; where not, it goes behind what waits. */
  readonly keepsPlace: boolean;
}

/** `idle` before connect; `lost` while a broken connection is being rebuilt. */
export type BrokerState = "idle" | "connecting" | "open" | "lost" | "closed";

export interface Publication {
  readonly message: Message;
  readonly route: Route;
  /**
   * Not delivered before so many milliseconds have passed. A task that tells its `eta` may be all the same, where others share the queue: who
   * gets it defers it. Cut to `features.maxDelayMs`. @default 0
   */
  readonly delayMs?: number;
  /** Only if no other message holds the same key. The message then needs a correlation id. @default none */
  readonly unique?: UniqueKey | undefined;
}

/**
 * A key that one message of a broker holds at a time, with its copies where it was routed to several queues. It has no life of its own, so
 * that no lock outlives its message. A message with the holder's correlation id, such as its retry, takes the key over.
 */
export interface UniqueKey {
  readonly key: string;
  /**
   * `start`: held until the message is first taken by a consumer. `end`: until it is acknowledged, dead-lettered, purged, or removed with
   * its queue; a requeue, a deferral or a lost lease do not end it.
   */
  readonly until: "start" | "end";
  /** `replace` removes a holder that waits, ready or delayed, and publishes in its place. One that is being run is kept either way. */
  readonly onDuplicate: "keep-first" | "replace";
}

export interface ConsumeOptions {
  /** Most deliveries at once that nobody has settled yet, at least 1; as many more may be on their way to being settled. */
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
  /** Undefined where the broker cannot tell. */
  readonly delayed: number | undefined;
  /** Undefined where the broker cannot tell. */
  readonly unacked: number | undefined;
  /** Undefined where the broker cannot tell. */
  readonly consumers: number | undefined;
}

export interface Consumer extends AsyncIterable<Delivery>, AsyncDisposable {
  /** Writable: a pool that grows raises it. Lowering it takes effect as deliveries are settled; with 0 nothing more is taken. */
  prefetch: number;
  /** Whether, and since when, it hears of the broker. */
  readonly polling: Polling;
  /** Starts consuming from one more queue. */
  add(queue: string): void;
  /** Takes nothing from a queue until it is resumed, and hands back what was not yielded, but counts as its consumer all the same; one that is added later is paused then. */
  pause(queue: string): void;
  resume(queue: string): void;
  /** Stops consuming from a queue, paused or not; deliveries already handed out stay with the caller. */
  cancel(queue: string): void;
  /** The delivery that the iteration would yield next, where it is here already: spares a turn of promises for each of many. */
  poll(): Delivery | undefined;
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

/** Instants are those of the clock's uptime, in milliseconds. */
export interface Polling {
  /** Whether it is to ask for messages now: not while it stops, has no queue, or holds as many as it may. */
  readonly isDue: boolean;
  /** When it last came back from asking, however that ended; when it was made, before that. It is never away for longer than some seconds. */
  readonly triedAt: number;
  /** When the broker last answered, be it that there is nothing; undefined before that. */
  readonly answeredAt: number | undefined;
}

/** A message that we owe an answer. Exactly one of the five settling methods may be called, once. Each rejects with DeliveryLostError when the lease was lost. */
export interface Delivery {
  readonly message: Message;
  readonly queue: string;
  /** How often this message was handed out, this time included; what was deferred or handed back does not count. */
  readonly deliveries: number;
  /** Greater than that of every hand-out before it, of whatever message, those that do not count included: a fencing token. */
  readonly fence: number;
  /** Whether the lease is known to be lost: whatever is done after that is done twice. */
  readonly isLost: boolean;
  /** Aborts when the lease is lost. */
  readonly lost: AbortSignal;
  /** Calls `listener`, which must not throw, when the lease is lost, at once when it is; the last listener alone. What `lost` tells, at no cost for those that are not lost. */
  onLost(listener: () => void): void;
  /** Whether the lease is held beyond doubt; where it is not, `confirm` finds out. */
  readonly isHeld: boolean;
  /**
   * Resolves when the lease is held beyond doubt, at once where that is known, which it is unless this process has been frozen. Rejects with
   * DeliveryLostError when it is not held, and with BrokerUnavailableError when that cannot be found out. For what must not be done twice:
   * to be called before it, and before settling.
   */
  confirm(): Promise<void>;
  /** Done: the broker forgets the message. */
  ack(): Promise<void>;
  /** Failed: back to the queue it came from, to be delivered next. Counts as a delivery; what is said of it is kept with the message. */
  requeue(reason?: DeadLetterReason): Promise<void>;
  /** Not begun or not finished, through no fault of its own: as `requeue`, but it does not count as a delivery. */
  handBack(): Promise<void>;
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

/** What happened at one delivery of a message. A lease that ran out without an answer is noted with the code `lease-lost`. */
export interface DeliveryNote extends DeadLetterReason {
  readonly at: Date;
}

export interface DeadLetter {
  /** Names the dead letter on this broker. */
  readonly id: string;
  /** The queue that it came from. */
  readonly queue: string;
  readonly message: Message;
  readonly reason: DeadLetterReason;
  readonly deliveries: number;
  /** What happened before it died, oldest first: the last 20 notes. */
  readonly history: readonly DeliveryNote[];
  readonly diedAt: Date;
}

export interface DeadLetterFilter {
  /** Only those from this queue. @default all */
  readonly queue?: string | undefined;
  /** Only those whose reason has this code. @default all */
  readonly code?: string | undefined;
}

export interface DeadLetterQuery extends DeadLetterFilter, Abortable {
  /** @default 100 */
  readonly limit?: number | undefined;
  /** Only those behind the one of this id, which need not be there any more. @default from the oldest */
  readonly after?: string | undefined;
  /** Whether it is enough to be told within some minutes: spares much where looking is dear, as on RabbitMQ. @default false */
  readonly mayBeOld?: boolean | undefined;
}

/** An id that names no dead letter selects nothing; an empty filter selects all. */
export type DeadLetterSelection = { readonly ids: readonly string[] } | DeadLetterFilter;

export interface ReplayOptions extends Abortable {
  /** Into this queue instead. @default the one that each came from */
  readonly queue?: string | undefined;
}
