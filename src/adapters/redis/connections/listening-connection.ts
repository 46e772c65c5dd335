import type { Clock } from "../../../util/clock.ts";
import type { Connection } from "./connection.ts";

/** A connection that only listens would not notice that it is dead: it asks so often, in milliseconds. */
const PING_MS = 2_000;
/** Channels that are named in one command. */
const AT_ONCE = 1_000;

export type ChannelKind = "channel" | "pattern";

const COMMANDS = {
  channel: { listen: "subscribe", ignore: "unsubscribe" },
  pattern: { listen: "psubscribe", ignore: "punsubscribe" },
} as const;

export interface ListeningEvents {
  /** `name` is the channel or pattern by which it was heard. */
  readonly onMessage: (kind: ChannelKind, name: string, message: string, channel: string) => void;
  /** Called once. */
  readonly onLost: () => void;
}

/** One connection that hears what is published. Each channel is subscribed to once, however often it is asked for. */
export class ListeningConnection {
  readonly #connection: Connection;
  /** By name; the promise resolves once subscribed. */
  readonly #names: Readonly<Record<ChannelKind, Map<string, Promise<void>>>> = {
    channel: new Map(),
    pattern: new Map(),
  };

  constructor(connection: Connection, clock: Clock, events: ListeningEvents) {
    this.#connection = connection;
    const stop = new AbortController();
    connection.onLost(() => {
      stop.abort();
      events.onLost();
    });
    const { client } = connection;
    client.on("message", (channel: string, message: string) => events.onMessage("channel", channel, message, channel));
    client.on("pmessage", (pattern: string, channel: string, message: string) =>
      events.onMessage("pattern", pattern, message, channel),
    );
    void this.#stayAwake(clock, stop.signal);
  }

  get clientId(): number {
    return this.#connection.clientId;
  }

  lose(reason: Error): void {
    this.#connection.lose(reason);
  }

  /** Resolves once subscribed to all. */
  async listenTo(kind: ChannelKind, names: readonly string[]): Promise<void> {
    const known = this.#names[kind];
    const missing = names.filter((name) => !known.has(name));
    for (let start = 0; start < missing.length; start += AT_ONCE) {
      const some = missing.slice(start, start + AT_ONCE);
      const subscribed = this.#connection.call(COMMANDS[kind].listen, ...some);
      for (const name of some) known.set(name, subscribed);
      subscribed.catch(() => some.forEach((name) => known.delete(name))); // told below
    }
    await Promise.all([...new Set(names.map((name) => known.get(name) ?? Promise.resolve()))]);
  }

  /** All is written at once: who asks for one of the names after that subscribes after that. */
  async ignore(kind: ChannelKind, names: readonly string[]): Promise<void> {
    const known = names.filter((name) => this.#names[kind].delete(name));
    const ignored: Promise<void>[] = [];
    for (let start = 0; start < known.length; start += AT_ONCE) {
      ignored.push(this.#connection.call(COMMANDS[kind].ignore, ...known.slice(start, start + AT_ONCE)));
    }
    await Promise.all(ignored);
  }

  /** Until it is lost; a ping without an answer loses it. */
  async #stayAwake(clock: Clock, signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        await clock.sleep(PING_MS, { signal, ref: false });
        await this.#connection.call("ping");
      }
    } catch (error) {
      this.#connection.lose(error);
    }
  }
}
