import type { Clock } from "../../../util/clock.ts";
import { Batcher } from "../../../util/batcher.ts";
import type { Connection } from "./connection.ts";
import { explained, UnusableError, type Unavailable } from "./failure.ts";
import { ListeningConnection, type ChannelKind } from "./listening-connection.ts";
import type { RedisSubscriber, Subscription, SubscriptionListener } from "./redis-link.ts";

/** Before a lost connection that could not be built anew is tried again, in milliseconds. */
const RETRY_MS = 500;

export interface SubscriberOptions {
  /** Rejects with UnusableError. */
  readonly connect: () => Promise<Connection>;
  readonly clock: Clock;
  readonly unavailable: Unavailable;
}

/** All subscriptions of one user on one connection, which is built anew for as long as there are any. */
export class Subscriber implements RedisSubscriber, AsyncDisposable {
  readonly #options: SubscriberOptions;
  readonly #listeners: Readonly<Record<ChannelKind, Map<string, Set<SubscriptionListener>>>> = {
    channel: new Map(),
    pattern: new Map(),
  };
  readonly #closed = new AbortController();
  readonly #departures = new Batcher<Departure, undefined>((departures) => this.#leave(departures));
  #connecting: Promise<ListeningConnection> | undefined;
  #reviving: Promise<void> | undefined;

  constructor(options: SubscriberOptions) {
    this.#options = options;
  }

  subscribe(channels: readonly string[], listener: SubscriptionListener): Promise<Subscription> {
    return this.#begin("channel", channels, listener);
  }

  psubscribe(patterns: readonly string[], listener: SubscriptionListener): Promise<Subscription> {
    return this.#begin("pattern", patterns, listener);
  }

  async clientId(): Promise<number> {
    const { clientId } = await this.#explaining(this.#connect());
    return clientId;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    for (const listener of this.#all()) listener.onEnded?.();
    const connecting = this.#connecting;
    await this.#reviving;
    // It could not be opened: there is nothing to close.
    await connecting?.then(
      (connection) => connection.lose(closedHere()),
      () => undefined,
    );
  }

  async #begin(kind: ChannelKind, names: readonly string[], listener: SubscriptionListener): Promise<Subscription> {
    const own = new Set<string>();
    const subscription: Subscription = {
      add: (more) => this.#add(kind, more, own, listener),
      remove: (fewer) => this.#remove(kind, fewer, own, listener),
      [Symbol.asyncDispose]: async () => this.#remove(kind, [...own], own, listener),
    };
    await subscription.add(names);
    return subscription;
  }

  async #add(
    kind: ChannelKind,
    names: readonly string[],
    own: Set<string>,
    listener: SubscriptionListener,
  ): Promise<void> {
    const added = names.filter((name) => !own.has(name));
    for (const name of added) {
      own.add(name);
      const listeners = this.#listeners[kind].get(name);
      if (listeners === undefined) this.#listeners[kind].set(name, new Set([listener]));
      else listeners.add(listener);
    }
    try {
      await this.#explaining(this.#connect().then((connection) => connection.listenTo(kind, names)));
    } catch (error) {
      this.#remove(kind, added, own, listener);
      throw error;
    }
  }

  #remove(kind: ChannelKind, names: readonly string[], own: Set<string>, listener: SubscriptionListener): void {
    for (const name of names) {
      if (!own.delete(name)) continue;
      const listeners = this.#listeners[kind].get(name);
      listeners?.delete(listener);
      if (listeners?.size !== 0) continue;
      this.#listeners[kind].delete(name);
      // Nobody waits for it: what still comes is told to nobody.
      this.#departures.submit({ kind, name }, ignore, ignore);
    }
  }

  /** Those that nobody has come back to since. */
  async #leave(departures: readonly Departure[]): Promise<readonly undefined[]> {
    const connection = await this.#connecting;
    for (const kind of ["channel", "pattern"] as const) {
      const names = departures.filter((left) => left.kind === kind).map(({ name }) => name);
      await connection?.ignore(
        kind,
        names.filter((name) => !this.#listeners[kind].has(name)),
      );
    }
    return departures.map(() => undefined);
  }

  #connect(): Promise<ListeningConnection> {
    if (this.#closed.signal.aborted) return Promise.reject(closedHere());
    if (this.#connecting === undefined) {
      const connecting = this.#open(() => this.#forget(connecting));
      this.#connecting = connecting;
    }
    return this.#connecting;
  }

  async #open(onLost: () => void): Promise<ListeningConnection> {
    try {
      const connection = new ListeningConnection(await this.#options.connect(), this.#options.clock, {
        onMessage: (kind, name, message, channel) => this.#tell(kind, name, message, channel),
        onLost,
      });
      await connection.listenTo("channel", [...this.#listeners.channel.keys()]);
      await connection.listenTo("pattern", [...this.#listeners.pattern.keys()]);
      return connection;
    } catch (error) {
      onLost();
      throw error;
    }
  }

  /** There may be another by now. */
  #forget(lost: Promise<ListeningConnection>): void {
    if (this.#connecting !== lost) return;
    this.#connecting = undefined;
    this.#reviving ??= this.#reviveWhileNeeded().finally(() => {
      this.#reviving = undefined;
    });
  }

  #tell(kind: ChannelKind, name: string, message: string, channel: string): void {
    for (const listener of this.#listeners[kind].get(name) ?? []) listener.onMessage(message, channel);
  }

  async #reviveWhileNeeded(): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted && this.#all().size > 0) {
      try {
        await this.#connect();
        for (const listener of this.#all()) listener.onResumed?.();
        return;
      } catch {
        // Whoever wants to subscribe meanwhile hears why. Closing ends the pause early.
        await this.#options.clock.sleep(RETRY_MS, { signal }).catch(() => undefined);
      }
    }
  }

  #all(): ReadonlySet<SubscriptionListener> {
    const { channel, pattern } = this.#listeners;
    return new Set([...channel.values(), ...pattern.values()].flatMap((listeners) => [...listeners]));
  }

  async #explaining<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      throw explained(error, this.#options.unavailable);
    }
  }
}

interface Departure {
  readonly kind: ChannelKind;
  readonly name: string;
}

function closedHere(): UnusableError {
  return new UnusableError("it was closed in this process.");
}

function ignore(): void {}
