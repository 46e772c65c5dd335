import type { Channel, ConfirmChannel } from "amqplib";
import type { Clock } from "../../../util/clock.ts";
import { toError } from "../../../util/errors.ts";
import { within } from "../../../util/within.ts";
import { AmqpReplyError, replyErrorOf, UnusableError } from "./amqp-failure.ts";

/** How long the server may take to answer, in milliseconds, while it is not blocked. */
const REPLY_MS = 10_000;

/** The connection that a channel is on. */
interface ChannelOwner {
  readonly loss: Error | undefined;
  readonly blocked: string | undefined;
  lose(reason: unknown): void;
}

/** A channel that tells why it was closed. What is written to it after that throws amqplib's IllegalOperationError. */
export class AmqpChannel<C extends Channel = Channel> {
  /** amqplib's own, for what needs no reply: `ack`, `nack`, `publish`. */
  readonly raw: C;
  readonly #clock: Clock;
  readonly #connection: ChannelOwner;
  readonly #listeners: ((reason: Error) => void)[] = [];
  readonly #ended = new AbortController();
  #error: Error | undefined;
  #isOurs = false;
  #closed: Error | undefined;

  constructor(raw: C, clock: Clock, connection: ChannelOwner) {
    this.raw = raw;
    this.#clock = clock;
    this.#connection = connection;
    raw.on("error", (error: Error) => {
      this.#error = replyErrorOf(error) ?? error;
    });
    raw.on("close", () => this.#close());
  }

  /** Why it was closed, once it is: AmqpReplyError when the server refused something, UnusableError when the connection was lost or this side closed it. */
  get closed(): Error | undefined {
    return this.#closed;
  }

  /** Whether `raw` takes what needs no reply: not from the moment on at which this side closes it, before `closed` tells so. */
  get isWritable(): boolean {
    return this.#closed === undefined && !this.#isOurs;
  }

  /** Called once; at once when it is closed already. */
  onClosed(listener: (reason: Error) => void): void {
    if (this.#closed === undefined) this.#listeners.push(listener);
    else listener(this.#closed);
  }

  /** The outcome of what the server answers, within ten seconds. Rejects with AmqpReplyError or UnusableError; after the former the channel is closed. */
  async call<T>(ask: (raw: C) => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) throw this.#closed;
    const late = new UnusableError(`it did not answer within ${REPLY_MS / 1_000} s.`);
    try {
      const { signal } = this.#ended; // amqplib never answers who waits for a close when the socket breaks meanwhile
      return await within({ clock: this.#clock, ms: REPLY_MS, error: () => late, signal }, () => ask(this.raw));
    } catch (failure) {
      // It owes an answer: nothing else will come either.
      if (failure === late && this.#connection.blocked === undefined) this.#connection.lose(late);
      if (failure instanceof UnusableError) throw failure;
      throw this.closed ?? this.#connection.loss ?? replyErrorOf(failure) ?? toError(failure);
    }
  }

  /** What was written before has been taken by the server then. Never rejects. */
  async close(): Promise<void> {
    if (this.#closed !== undefined) return;
    this.#isOurs = true;
    await this.call((raw) => raw.close()).catch(() => undefined);
  }

  #close(): void {
    if (this.#closed !== undefined) return;
    // A server that is stopped says nothing to its channels.
    const said = this.#isOurs ? "the channel was closed in this process." : "the connection was closed.";
    this.#closed = this.#error ?? this.#connection.loss ?? new UnusableError(said);
    this.#ended.abort(this.#closed);
    for (const listener of this.#listeners.splice(0)) listener(this.#closed);
  }
}

export type AmqpConfirmChannel = AmqpChannel<ConfirmChannel>;

export function isRefusedWith(error: unknown, ...codes: readonly number[]): error is AmqpReplyError {
  return error instanceof AmqpReplyError && codes.includes(error.code);
}
