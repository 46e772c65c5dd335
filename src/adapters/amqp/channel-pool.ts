import type { Channel } from "amqplib";
import type { AmqpChannel } from "./connections/amqp-channel.ts";
import type { AmqpConnection } from "./connections/amqp-connection.ts";
import type { AmqpLink } from "./connections/amqp-link.ts";

/** So many channels are kept for the next calls. */
const MAX_IDLE = 4;

/** Channels for calls that the server may refuse: a refusal closes the channel, and with it what else is asked on it, so each call has one of its own. */
export class ChannelPool {
  readonly #link: AmqpLink;
  #connection: AmqpConnection | undefined;
  #idle: AmqpChannel[] = [];

  constructor(link: AmqpLink) {
    this.#link = link;
  }

  /** Rejects with AmqpReplyError when the server refuses it, and with the link's own error when it cannot be used. */
  async call<T>(ask: (raw: Channel) => Promise<T>): Promise<T> {
    const connection = await this.#link.connect();
    try {
      return await this.callOn(connection, ask);
    } catch (error) {
      throw this.#link.explained(error);
    }
  }

  /** The same on a connection that the link's callers do not have yet. Rejects with AmqpReplyError or UnusableError. */
  async callOn<T>(connection: AmqpConnection, ask: (raw: Channel) => Promise<T>): Promise<T> {
    const channel = this.#takeIdle(connection) ?? (await connection.openChannel());
    let answer: T;
    try {
      answer = await channel.call(ask);
    } catch (error) {
      // What amqplib itself refuses to write leaves it open, and of no use.
      await channel.close();
      throw error;
    }
    if (channel.closed === undefined && this.#connection === connection && this.#idle.length < MAX_IDLE) {
      this.#idle.push(channel);
    } else {
      await channel.close();
    }
    return answer;
  }

  #takeIdle(connection: AmqpConnection): AmqpChannel | undefined {
    if (this.#connection !== connection) this.#idle = [];
    this.#connection = connection;
    for (let channel = this.#idle.pop(); channel !== undefined; channel = this.#idle.pop()) {
      if (channel.closed === undefined) return channel;
    }
    return undefined;
  }
}
