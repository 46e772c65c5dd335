/** The contract between Redis' connections and what stands on them. `supervised-connections.ts` implements it. */
import { createHash } from "node:crypto";

export type Argument = string | number;
export type Command = readonly [name: string, ...args: Argument[]];
/** What Redis answers; bytes are read as UTF-8. */
export type Reply = string | number | null | readonly Reply[];

/**
 * One supervised connection, opened at first use and anew after it was lost. What it cannot do in time rejects with the error that its user
 * owes; an error reply that is nobody's unavailability rejects with RedisReplyError. Nothing is ever sent twice: what was under way when a
 * connection was lost may have been done or not.
 */
export interface RedisLink extends AsyncDisposable {
  command(command: Command): Promise<Reply>;
  /** One round trip; replies in order. Others' commands may come between. Rejects with the first error reply; the other commands are done even so. */
  pipeline(commands: readonly Command[]): Promise<readonly Reply[]>;
  /** The same within MULTI … EXEC. When Redis refuses one of the commands before EXEC, none is done. */
  transaction(commands: Iterable<Command>): Promise<readonly Reply[]>;
  /** EVALSHA; the script is loaded where the server does not know it. */
  script(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<Reply>;
  /** Drops the connection; what is under way rejects. The next use opens another. */
  reset(): void;
}

export interface OwnLinkOptions {
  /** Commands that every new connection starts with, before anything else. */
  readonly setUp?: () => Promise<readonly Command[]>;
}

/** The connections of one user of a Redis: each role a socket of its own, opened at first use. Disposed of with their user. */
export interface RedisConnections extends AsyncDisposable {
  /** Aborts when they are disposed of. */
  readonly closed: AbortSignal;
  /** Whatever needs no state of its connection. No command may block: a silence of 5 s loses the connection. */
  readonly commands: RedisLink;
  readonly subscriber: RedisSubscriber;
  /** Another role, for commands that need a state of their connection. Disposed of with the connections, or before. */
  createLink(options?: OwnLinkOptions): RedisLink;
  /** Rejects when the server does not answer or cannot be used. */
  open(): Promise<void>;
}

/** The one connection that hears what is published. Lost, it is built anew by itself for as long as there is a subscription. */
export interface RedisSubscriber {
  /** Resolves once subscribed: what is published after that is heard. */
  subscribe(channels: readonly string[], listener: SubscriptionListener): Promise<Subscription>;
  /** The same with glob patterns. */
  psubscribe(patterns: readonly string[], listener: SubscriptionListener): Promise<Subscription>;
  /** CLIENT ID of the connection as it stands, opened if need be. It is another one after `onResumed`. */
  clientId(): Promise<number>;
}

export interface SubscriptionListener {
  /** `channel` is the one that it was published on, with a pattern too. */
  readonly onMessage: (message: string, channel: string) => void;
  /** The connection was lost and there is another: what was published meanwhile was not heard. */
  readonly onResumed?: () => void;
  /** The connections were disposed of: nothing more will be heard. */
  readonly onEnded?: () => void;
}

/** Several may be on the same channel. */
export interface Subscription extends AsyncDisposable {
  /** More channels, or patterns if it was begun with such. Resolves once subscribed to all of them. */
  add(channels: readonly string[]): Promise<void>;
  remove(channels: readonly string[]): void;
}

/** Made by `script`. */
export interface Script {
  readonly lua: string;
  /** SHA-1 of the text, in hex: what EVALSHA knows it by. */
  readonly sha: string;
}

export function script(lua: string): Script {
  return { lua, sha: createHash("sha1").update(lua).digest("hex") };
}

/** An error reply of Redis that says that the command was wrong, and not that the server cannot be used. */
export class RedisReplyError extends Error {
  override readonly name = "RedisReplyError";
  /** The first word of the reply: `WRONGTYPE`, `NOSCRIPT`, `ERR`. */
  readonly code: string;

  constructor(reply: string, options: { readonly cause?: unknown } = {}) {
    super(reply, options);
    this.code = /^[A-Z]+\b/.exec(reply)?.[0] ?? "ERR";
  }
}
