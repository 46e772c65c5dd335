import type { BrokerFeatures, DeadLetter, DeadLetterQuery, DeadLetterSelection } from "../../../broker/broker.ts";
import type { RenewerSource } from "../../../broker/leases/renewer.ts";
import type {
  Leased,
  MessageStore,
  PushItem,
  Settlement,
  StoreDepth,
  StoredExchange,
  TakeOptions,
} from "../../../broker/queued/message-store.ts";
import type { Topology } from "../../../routing/topology.ts";
import { uptimeOf, type Clock } from "../../../util/clock.ts";
import type { RedisConnections, RedisLink } from "../connections/redis-link.ts";
import { EmptyFamilies } from "../empty-families.ts";
import { Attendances } from "./attendances.ts";
import { bury, listDeadLetters } from "./bury.ts";
import { StoreKeys } from "./keys.ts";
import { PushAttempts } from "./push-attempts.ts";
import { push } from "./push.ts";
import { QueueWatch } from "./queue-watch.ts";
import { count, declare, exchange, existing, purge, queueNames, remove } from "./queues.ts";
import { drop, replay } from "./replay.ts";
import { renew, settle } from "./settle.ts";
import { take, type Taken } from "./take.ts";

const FEATURES: BrokerFeatures = {
  priorityOrder: "lowest-first",
  priorityStep: 3,
  // A hundred years: a due time stays a whole number in Lua.
  maxDelayMs: 100 * 365 * 86_400_000,
  // While one of these passes through a script, others wait for some tens of milliseconds: 5 to 15 for each MiB.
  maxMessageBytes: 4 * 1024 * 1024,
  uniqueKeys: true,
  keepsPlace: true,
};

/** Celery's own. Kombu: `redis.py:Channel.visibility_timeout`. */
const DEFAULT_VISIBILITY_TIMEOUT_MS = 3_600_000;

const UNREADABLE = { code: "unreadable", detail: "It was found in the queue, and is no envelope of Kombu's." };

export interface RedisStoreOptions {
  readonly url: string;
  /** Disposed with the store. */
  readonly connections: RedisConnections;
  readonly clock: Clock;
  /** In front of every key. Celery: `broker_transport_options["global_keyprefix"]`. @default none */
  readonly keyPrefix?: string | undefined;
  readonly renewer?: RenewerSource | undefined;
  /**
   * When what Python workers hold is given back, in milliseconds after they took it: as they do themselves, so it must be what theirs is. Celery:
   * `broker_transport_options["visibility_timeout"]`. @default 3_600_000
   */
  readonly visibilityTimeoutMs?: number | undefined;
  /** Shared with the key store beside it. @default none */
  readonly families?: EmptyFamilies | undefined;
}

/** Messages in the lists of Kombu's Redis transport, shared with Celery's workers and producers in Python. */
export class RedisStore implements MessageStore {
  readonly features: BrokerFeatures = FEATURES;
  readonly isRemote = true;
  readonly url: string;
  readonly renewer?: RenewerSource;
  readonly #connections: RedisConnections;
  readonly #link: RedisLink;
  readonly #clock: Clock;
  readonly #keys: StoreKeys;
  readonly #watch: QueueWatch;
  readonly #attendances: Attendances;
  readonly #attempts: PushAttempts;
  readonly #visibilityTimeoutMs: number;
  readonly #families: EmptyFamilies;
  #turn = 0;
  /** What is being put back into its queue: what is asked for after that is to see it. */
  #putBack: Promise<unknown> | undefined;

  constructor({ url, connections, clock, keyPrefix = "", renewer, ...options }: RedisStoreOptions) {
    const { visibilityTimeoutMs = DEFAULT_VISIBILITY_TIMEOUT_MS, families = new EmptyFamilies() } = options;
    this.url = url;
    if (renewer !== undefined) this.renewer = renewer;
    this.#connections = connections;
    this.#link = connections.commands;
    this.#clock = clock;
    this.#visibilityTimeoutMs = visibilityTimeoutMs;
    this.#families = families;
    this.#keys = new StoreKeys(keyPrefix);
    this.#watch = new QueueWatch(connections, clock);
    this.#attendances = new Attendances(this.#link, this.#keys);
    this.#attempts = new PushAttempts(this.#link, this.#keys);
  }

  open(): Promise<void> {
    return this.#connections.open();
  }

  declare(topology: Topology): Promise<void> {
    return declare(this.#link, this.#keys, topology);
  }

  exchange(name: string): Promise<StoredExchange | undefined> {
    return exchange(this.#link, this.#keys, name);
  }

  existing(queues: readonly string[]): Promise<ReadonlySet<string>> {
    return existing(this.#link, this.#keys, queues);
  }

  push(items: readonly PushItem[]): Promise<readonly (string | undefined)[]> {
    const place = { link: this.#link, keys: this.#keys, attempts: this.#attempts };
    return push(place, items, this.#visibilityTimeoutMs);
  }

  async take(queues: readonly string[], options: TakeOptions): Promise<readonly Leased[]> {
    const deadline = uptimeOf(this.#clock) + options.waitMs;
    for (;;) {
      options.signal?.throwIfAborted();
      const { leased } = await this.#take(queues, options);
      if (leased.length > 0 || uptimeOf(this.#clock) >= deadline) return leased;
      const late = await this.#takeOnceThere(queues, deadline, options);
      if (late.length > 0) return late;
    }
  }

  settle(settlements: readonly Settlement[]): Promise<readonly string[]> {
    const settled = settle(this.#link, this.#keys, settlements, this.#clock.now());
    if (settlements.some(({ outcome }) => outcome === "requeue")) this.#notePutBack(settled);
    return settled;
  }

  renew(receipts: readonly string[], leaseMs: number): Promise<readonly string[]> {
    return renew(this.#link, this.#keys, receipts, leaseMs);
  }

  async attend(consumer: string, queues: readonly string[], ttlMs: number): Promise<void> {
    await this.#attendances.note(consumer, queues, ttlMs);
    if (queues.length > 0) await this.#tend(queues);
  }

  queueNames(): Promise<readonly string[]> {
    return queueNames(this.#link, this.#keys);
  }

  count(queue: string): Promise<StoreDepth | undefined> {
    return count(this.#link, this.#keys, queue);
  }

  purge(queue: string): Promise<number> {
    return purge(this.#link, this.#keys, queue);
  }

  remove(queue: string, conditions: { readonly ifEmpty: boolean; readonly ifUnused: boolean }): Promise<boolean> {
    return remove(this.#link, this.#keys, queue, conditions);
  }

  deadLetters(query: DeadLetterQuery): Promise<readonly DeadLetter[]> {
    return listDeadLetters(this.#link, this.#keys, query);
  }

  replay(selection: DeadLetterSelection, queue: string | undefined): Promise<number> {
    return replay(this.#link, this.#keys, selection, queue);
  }

  drop(selection: DeadLetterSelection): Promise<number> {
    return drop(this.#link, this.#keys, selection);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watch[Symbol.asyncDispose]();
    await this.#connections[Symbol.asyncDispose]();
  }

  /** Looks once more before it waits: since then, every change is noticed. Empty after the first of them, or when time is up. */
  async #takeOnceThere(queues: readonly string[], deadline: number, options: TakeOptions): Promise<readonly Leased[]> {
    using watch = await this.#watch.watch(queues.flatMap((queue) => this.#keys.awaited(queue)));
    const { leased, dueMs } = await this.#take(queues, options);
    if (leased.length === 0) await watch.changed(Math.min(deadline - uptimeOf(this.#clock), dueMs), options);
    return leased;
  }

  /**
   * Puts what is due, and what the dead have held, where whoever is free finds it: all our consumers may be too busy to take anything, and Python's not.
   */
  async #tend(queues: readonly string[]): Promise<void> {
    const rules = { max: 0, leaseMs: 0, visibilityTimeoutMs: this.#visibilityTimeoutMs, families: this.#families };
    while ((await take(this.#link, this.#keys, queues, rules)).dueMs === 0);
  }

  #notePutBack(settled: Promise<unknown>): void {
    const done = (): void => {
      if (this.#putBack === putBack) this.#putBack = undefined;
    };
    const putBack = settled.then(done, done); // whoever settles hears of a failure
    this.#putBack = putBack;
  }

  /** Every queue is the first in its turn, so that a full one keeps nothing from the others. What cannot be read is out of the way at once. */
  async #take(queues: readonly string[], options: TakeOptions): Promise<Taken> {
    const first = this.#turn++ % Math.max(1, queues.length);
    const turned = [...queues.slice(first), ...queues.slice(0, first)];
    // No turn is waited where there is nothing to wait for: others would be first.
    if (this.#putBack !== undefined) await this.#putBack;
    const { max, leaseMs } = options;
    const rules = { max, leaseMs, visibilityTimeoutMs: this.#visibilityTimeoutMs, families: this.#families };
    const taken = await take(this.#link, this.#keys, turned, rules);
    const dying = taken.unreadable.map((receipt) => ({ receipt, reason: UNREADABLE }));
    // The others are handed out all the same; what cannot be buried comes again when its lease has ended.
    await bury(this.#link, this.#keys, dying, this.#clock.now()).catch(() => undefined);
    return taken;
  }
}
