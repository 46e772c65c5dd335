import type { Message } from "../../message/message.ts";
import type { Binding, ExchangeType, Topology } from "../../routing/topology.ts";
import type { Abortable } from "../../util/abortable.ts";
import type {
  BrokerFeatures,
  DeadLetter,
  DeadLetterQuery,
  DeadLetterReason,
  DeadLetterSelection,
  QueueDepth,
  UniqueKey,
} from "../broker.ts";
import type { RenewerSource } from "../leases/renewer.ts";

/**
 * THE INNER SEAM: what a store without AMQP semantics must offer; `QueuedBroker` supplies the rest (routing, prefetch, settling
 * once, lease renewal). Every method takes batches, and is one transaction or one round trip. All reject with BrokerUnavailableError
 * when the store cannot be reached.
 */
export interface MessageStore extends AsyncDisposable {
  readonly features: BrokerFeatures;
  /** The store's address for messages, without secrets. */
  readonly url: string;
  /** Whether it works while this process goes on, and keeps in order what it is asked before it has answered: it is sent work early then, in parts. */
  readonly isRemote: boolean;
  /** How to renew leases from a thread: where the store can be reached from there. */
  readonly renewer?: RenewerSource;
  /** Calling it again is fine: so a lost connection is rebuilt. */
  open(options?: Abortable): Promise<void>;

  /** Creates what is missing; rejects with TopologyMismatchError for an exchange of another type. */
  declare(topology: Topology): Promise<void>;
  /** An exchange with its bindings, for routing at publish time; undefined when there is none of that name. */
  exchange(name: string): Promise<StoredExchange | undefined>;
  /** Which of these queues exist. */
  existing(queues: readonly string[]): Promise<ReadonlySet<string>>;

  /**
   * All or none, but for the items that were given up by the time of writing: their sender waits no longer, and may have sent them
   * again. Resolves once they survive the store's restart. Rejects with `UnroutableError("", queue)`, checked in the same step, when one of
   * the queues does not exist: another process may just have removed it. Unique keys are looked at in the same step, item by item; tells
   * of each item the correlation id of the message that holds its key, and undefined where it was pushed or given up.
   */
  push(items: readonly PushItem[]): Promise<readonly (string | undefined)[]>;
  /**
   * Leases up to `max` messages: by priority, then oldest first, over all the queues together. Waits up to `waitMs` for the first;
   * empty when none came. A message whose lease ran out is taken like a ready one, and `LEASE_LOST` is noted with it; until it is taken,
   * its receipt is still held.
   * Aborting must not lose what was leased already: it rejects with the signal's reason, or resolves with that.
   */
  take(queues: readonly string[], options: TakeOptions): Promise<readonly Leased[]>;
  /** Returns the receipts that were no longer held; for those, nothing was changed. */
  settle(settlements: readonly Settlement[]): Promise<readonly string[]>;
  /** Pushes the end of these leases to `leaseMs` from now. Returns the receipts that were no longer held. */
  renew(receipts: readonly string[], leaseMs: number): Promise<readonly string[]>;

  /** Notes that `consumer` consumes from exactly these queues for the next `ttlMs`: for counts and for queue expiry. No queues: it is gone. */
  attend(consumer: string, queues: readonly string[], ttlMs: number): Promise<void>;

  queueNames(): Promise<readonly string[]>;
  count(queue: string): Promise<StoreDepth | undefined>;
  purge(queue: string): Promise<number>;
  /** Conditions and removal are one step. */
  remove(queue: string, conditions: { readonly ifEmpty: boolean; readonly ifUnused: boolean }): Promise<boolean>;
  deadLetters(query: DeadLetterQuery): Promise<readonly DeadLetter[]>;
  /**
   * As `Broker.replay`; into `queue` where it is given. Many are replayed step by step, each step all or nothing, so that others can write
   * in between.
   */
  replay(selection: DeadLetterSelection, queue: string | undefined): Promise<number>;
  /** As `Broker.drop`, step by step too. */
  drop(selection: DeadLetterSelection): Promise<number>;
}

export interface StoredExchange {
  readonly type: ExchangeType;
  readonly bindings: readonly Binding[];
}

/** A store can tell. */
export interface StoreDepth extends QueueDepth {
  readonly delayed: number;
  readonly unacked: number;
}

/** One publication with the queues that its message goes to: at least one. */
export interface PushItem {
  readonly queues: readonly string[];
  readonly message: Message;
  readonly delayMs: number;
  readonly unique?: UniqueKey | undefined;
  /** To be asked right before writing; missing for one that nobody gives up. */
  readonly isGivenUp?: () => boolean;
}

export interface TakeOptions extends Abortable {
  readonly max: number;
  readonly leaseMs: number;
  readonly waitMs: number;
}

export interface Leased {
  /** Names this one hand-out; a later hand-out of the same message has another. */
  readonly receipt: string;
  readonly message: Message;
  readonly queue: string;
  readonly deliveries: number;
  /** As `Delivery.fence`. */
  readonly fence: number;
}

export type Settlement =
  | { readonly receipt: string; readonly outcome: "ack" }
  /** To the place that it had in its queue, and counted as a delivery. */
  | { readonly receipt: string; readonly outcome: "requeue"; readonly reason?: DeadLetterReason | undefined }
  /** To the place that it had in its queue, not counted. */
  | { readonly receipt: string; readonly outcome: "hand-back" }
  /** Not counted either, but it queues up anew, at `until`. */
  | { readonly receipt: string; readonly outcome: "defer"; readonly until: Date }
  | { readonly receipt: string; readonly outcome: "dead-letter"; readonly reason: DeadLetterReason };
