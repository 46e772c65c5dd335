import type { Abortable } from "../../util/abortable.ts";
import { exponentialBackoff } from "../../util/backoff.ts";
import type { Clock } from "../../util/clock.ts";
import type { AmqpChannel } from "./connections/amqp-channel.ts";
import type { AmqpConnection } from "./connections/amqp-connection.ts";
import { AmqpReplyError } from "./connections/amqp-failure.ts";
import type { AmqpLink } from "./connections/amqp-link.ts";

/** After the channel was closed, while the connection stays. */
const RETRY = { baseMs: 100, maxMs: 5_000 } as const;

export interface KeptChannelOptions extends Abortable {
  /** It ends with this. */
  readonly link: AmqpLink;
  readonly clock: Clock;
  /** Run on each new channel: what is to be declared and consumed on it. */
  readonly setUp: (channel: AmqpChannel) => Promise<void>;
  /** Called when the server refuses it on a new connection: it is then tried again, for as long as it takes. @default it ends */
  readonly onRefused?: ((refusal: AmqpReplyError) => void) | undefined;
  /** Called once, when it is over: with the link, when disposed of, or with what the server refused on a new connection. */
  readonly onEnded: (failure?: Error) => void;
}

/** A channel that comes back by itself, with what was set up on it: on a new connection, before anybody else gets that, or on the same when it was closed alone. */
export class KeptChannel implements AsyncDisposable {
  readonly #options: KeptChannelOptions;
  readonly #ended = new AbortController();
  readonly #subscriptions: Disposable[];
  #channel: AmqpChannel | undefined;

  /** Resolves once it is set up. Rejects with the link's own error, and with AmqpReplyError when the server refuses something. */
  static async open(options: KeptChannelOptions): Promise<KeptChannel> {
    const { link, signal } = options;
    const connection = await link.connect(signal === undefined ? {} : { signal });
    const kept = new KeptChannel(options);
    try {
      await kept.#open(connection);
      signal?.throwIfAborted();
      return kept;
    } catch (error) {
      await kept[Symbol.asyncDispose]();
      throw link.explained(error);
    }
  }

  private constructor(options: KeptChannelOptions) {
    this.#options = options;
    const { link } = options;
    this.#subscriptions = [
      link.onConnected((connection) => this.#openAnew(connection)),
      link.onState((state) => {
        if (state === "closed") this.#end();
      }),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
    await this.#channel?.close();
  }

  #end(failure?: Error): void {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    for (const subscription of this.#subscriptions) subscription[Symbol.dispose]();
    this.#options.onEnded(failure);
  }

  async #open(connection: AmqpConnection): Promise<void> {
    const channel = await connection.openChannel();
    try {
      await this.#options.setUp(channel);
    } catch (error) {
      await channel.close();
      throw error;
    }
    this.#channel = channel;
    channel.onClosed(() => void this.#reopen(connection, channel));
    if (this.#ended.signal.aborted) await channel.close();
  }

  /** The connection is of use for others when the server refuses this. */
  async #openAnew(connection: AmqpConnection): Promise<void> {
    try {
      await this.#open(connection);
    } catch (error) {
      if (!(error instanceof AmqpReplyError)) throw error;
      const { onRefused } = this.#options;
      if (onRefused === undefined) {
        this.#end(error);
        return;
      }
      onRefused(error);
      void this.#reopen(connection, this.#channel);
    }
  }

  /** Somebody has deleted a queue. A connection that was lost is not its affair: the next one comes by itself. */
  async #reopen(connection: AmqpConnection, closed: AmqpChannel | undefined): Promise<void> {
    const { signal } = this.#ended;
    const isWanted = (): boolean => !signal.aborted && connection.loss === undefined && this.#channel === closed;
    for (let failures = 0; isWanted(); failures += 1) {
      try {
        await this.#open(connection);
      } catch {
        const pauseMs = exponentialBackoff(failures, RETRY);
        await this.#options.clock.sleep(pauseMs, { signal, ref: false }).catch(() => undefined); // it has ended
      }
    }
  }
}
