import type { ConsumeMessage } from "amqplib";
import { BrokerUnavailableError } from "../../broker/errors.ts";
import type { Clock } from "../../util/clock.ts";
import { deferred } from "../../util/deferred.ts";
import { within } from "../../util/within.ts";
import type { ChannelPool } from "./channel-pool.ts";
import { isRefusedWith, type AmqpChannel } from "./connections/amqp-channel.ts";
import type { AmqpConnection } from "./connections/amqp-connection.ts";
import type { AmqpLink } from "./connections/amqp-link.ts";
import { letterOf, type HeldLetter } from "./dead-letter.ts";
import { findQueue } from "./find-queue.ts";

/** How long one waits for others who look at the dead letters, and then for these, in milliseconds. */
const TURN_MS = 30_000;
const PAUSE_MS = 25;
/** How many are read in one step. */
const STEP = 500;

export interface DeadLetterQueueOptions {
  readonly link: AmqpLink;
  readonly pool: ChannelPool;
  readonly clock: Clock;
  /** The name of the durable queue that keeps them. */
  readonly queue: string;
}

/**
 * A queue that nobody consumes from. To look at its messages is to be handed them, one party at a time, and to end the channel: what was not acknowledged is then in
 * its place again.
 */
export class DeadLetterQueue {
  readonly #options: DeadLetterQueueOptions;
  /** On which connection it was declared. */
  #connection: AmqpConnection | undefined;
  #declared: Promise<void> | undefined;
  /** Those of this process come one after the other: AMQP's lock tells connections apart, not them. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: DeadLetterQueueOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.queue;
  }

  /** Makes it where need be: once for each connection. */
  async ensure(): Promise<void> {
    const connection = await this.#options.link.connect();
    if (this.#declared === undefined || this.#connection !== connection) {
      this.#connection = connection;
      this.#declared = this.#declare();
    }
    const declaring = this.#declared;
    try {
      await declaring;
    } catch (error) {
      if (this.#declared === declaring) this.forget();
      throw error;
    }
  }

  /** It is not there any more, and has to be made again. */
  forget(): void {
    this.#declared = undefined;
  }

  /** How many nobody looks at now. */
  async count(): Promise<number> {
    return (await findQueue(this.#options.pool, this.name))?.messageCount ?? 0;
  }

  /** Hands `use` the dead letters of now, oldest first, as far as it reads, and the channel that they are held by. */
  look<T>(use: (letters: AsyncIterable<HeldLetter>, channel: AmqpChannel) => Promise<T>): Promise<T> {
    const turn = this.#turn.then(() => this.#lookAlone(use));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** Not quorum, whatever the virtual host's default is: that counts each look as a delivery, and throws away what was looked at too often. */
  async #declare(): Promise<void> {
    const { pool, queue } = this.#options;
    try {
      await pool.call((raw) => raw.assertQueue(queue, { durable: true, arguments: { "x-queue-type": "classic" } }));
    } catch (error) {
      // Somebody has declared it with arguments, such as a length: it is taken as it is.
      if (!isRefusedWith(error, 406)) throw error;
    }
  }

  async #lookAlone<T>(use: (letters: AsyncIterable<HeldLetter>, channel: AmqpChannel) => Promise<T>): Promise<T> {
    const { link, pool } = this.#options;
    await this.ensure();
    const lock = `${this.name}.lock`;
    await this.#lock(lock);
    const connection = await link.connect();
    const channel = await connection.openChannel();
    try {
      return await use(this.#read(channel), channel);
    } catch (error) {
      if (isRefusedWith(error, 404)) this.forget();
      throw link.explained(error);
    } finally {
      await channel.close();
      await pool.call((raw) => raw.deleteQueue(lock)).catch(() => undefined); // it goes with the connection
    }
  }

  /** A queue that one connection has for itself. */
  async #lock(lock: string): Promise<void> {
    const { link, pool, clock, queue } = this.#options;
    for (let waitedMs = 0; ; waitedMs += PAUSE_MS) {
      try {
        await pool.call((raw) => raw.assertQueue(lock, { exclusive: true, durable: false, autoDelete: true }));
        return;
      } catch (error) {
        if (!isRefusedWith(error, 405)) throw error;
      }
      if (waitedMs >= TURN_MS) {
        const detail = `others look at the dead letters in "${queue}" for more than ${TURN_MS / 1_000} s.`;
        throw new BrokerUnavailableError(link.url, detail, { mayComeBack: true });
      }
      await clock.sleep(PAUSE_MS);
    }
  }

  async *#read(channel: AmqpChannel): AsyncGenerator<HeldLetter, void> {
    const { messageCount } = await channel.call((raw) => raw.checkQueue(this.name));
    for (let left = messageCount; left > 0; left -= STEP) yield* await this.#take(channel, Math.min(left, STEP));
  }

  /** The next so many, which there have to be. */
  async #take(channel: AmqpChannel, count: number): Promise<readonly HeldLetter[]> {
    const { clock, link } = this.#options;
    const taken: HeldLetter[] = [];
    const { promise, resolve, reject } = deferred();
    promise.catch(() => undefined); // a channel that closes while it is asked says so there
    channel.onClosed(reject);
    const take = (raw: ConsumeMessage | null): void => {
      if (raw === null) return;
      taken.push({ raw, letter: letterOf(raw) });
      if (taken.length === count) resolve();
    };
    await channel.call((raw) => raw.prefetch(count, false));
    const { consumerTag } = await channel.call((raw) => raw.consume(this.name, take));
    const error = (): Error =>
      new BrokerUnavailableError(link.url, `it did not hand out its dead letters within ${TURN_MS / 1_000} s.`);
    await within({ clock, ms: TURN_MS, error }, () => promise);
    await channel.call((raw) => raw.cancel(consumerTag));
    return taken;
  }
}
