import { randomUUID } from "node:crypto";
import type { Channel, ConsumeMessage } from "amqplib";
import type { Clock } from "../../util/clock.ts";
import { uptimeOf } from "../../util/clock.ts";
import { endOfTurn } from "../../util/end-of-turn.ts";
import { AckWindow } from "./ack-window.ts";
import type { AmqpChannel } from "./connections/amqp-channel.ts";
import type { AmqpConnection } from "./connections/amqp-connection.ts";
import { UnusableError } from "./connections/amqp-failure.ts";

export interface SessionOptions {
  readonly connection: AmqpConnection;
  readonly clock: Clock;
  /** How long the server keeps a connection that it does not hear of, in milliseconds. */
  readonly silenceMs: number;
  readonly prefetch: number;
  readonly onMessage: (session: ConsumerSession, queue: string, message: ConsumeMessage) => void;
  /** The server consumes no longer for us: the queue was deleted. */
  readonly onCancelled: (queue: string) => void;
}

/** What one consumer of a session consumes from, and how many it may hold where each has a limit of its own. */
export interface Share {
  readonly queue: string;
  readonly size: number;
}

interface Owed {
  readonly message: ConsumeMessage;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** As RabbitMQ's own plugins write it: AMQP's types have to be these. */
const NO_CREDIT = { credit: { "!": "int64", value: 0 }, drain: false };

/** One channel of a consumer, from its opening to its end: with it goes all that came by it and is not acknowledged. */
export class ConsumerSession {
  readonly #options: SessionOptions;
  readonly #channel: AmqpChannel;
  /** By consumer tag. Of a queue there may be several, with a share each. */
  readonly #consumers = new Map<string, Share>();
  /** Whether each consumer has a limit of its own. */
  #isShared = false;
  readonly #window = new AckWindow();
  #prefetch = 0;
  /** Acknowledgements that are to be written, and those that are written and not known to have been taken. */
  #fresh: Owed[] = [];
  #written: Owed[] = [];
  /** What the round trip under way tells of. */
  #underWay: readonly Owed[] = [];
  #isFlushing = false;
  #proving: Promise<void> | undefined;
  #provenAt: number;

  static async open(options: SessionOptions): Promise<ConsumerSession> {
    const since = uptimeOf(options.clock);
    const channel = await options.connection.openChannel();
    const session = new ConsumerSession(channel, options, since);
    try {
      if (options.prefetch > 0) await session.limit(options.prefetch);
      return session;
    } catch (error) {
      await channel.close();
      throw error;
    }
  }

  private constructor(channel: AmqpChannel, options: SessionOptions, since: number) {
    this.#channel = channel;
    this.#options = options;
    this.#provenAt = since;
    channel.onClosed((reason) => this.#fail(reason));
  }

  get closed(): Error | undefined {
    return this.#channel.closed;
  }

  /** Called once; at once when it has ended already. */
  onClosed(listener: (reason: Error) => void): void {
    this.#channel.onClosed(listener);
  }

  /** Whether the server is known to hold what came by this channel for us. */
  get isProven(): boolean {
    const { clock, silenceMs } = this.#options;
    return this.closed === undefined && uptimeOf(clock) < this.#provenAt + silenceMs;
  }

  get queues(): ReadonlySet<string> {
    return new Set([...this.#consumers.values()].map(({ queue }) => queue));
  }

  /** By consumer tag. */
  get shares(): ReadonlyMap<string, Share> {
    return this.#consumers;
  }

  get isShared(): boolean {
    return this.#isShared;
  }

  get prefetch(): number {
    return this.#prefetch;
  }

  /** How many messages the server hands out at most before some of them are acknowledged, over all queues together; at least 1. */
  async limit(prefetch: number): Promise<void> {
    this.#prefetch = prefetch;
    await this.#prove();
  }

  /** From now on each consumer has a limit of its own; those that there are end. */
  async share(): Promise<void> {
    for (const tag of [...this.#consumers.keys()]) await this.cancel(tag);
    this.#isShared = true;
    await this.#channel.call((raw) => raw.prefetch(0, true));
  }

  /** With a `size`, so many of its messages at most are handed out before some are acknowledged, whatever other consumers have. */
  async consume(queue: string, size = 0): Promise<void> {
    const { onMessage, onCancelled } = this.#options;
    const consumerTag = randomUUID();
    const handle = (message: ConsumeMessage | null): void => {
      if (message !== null) {
        onMessage(this, queue, message);
      } else {
        this.#consumers.delete(consumerTag);
        onCancelled(queue);
      }
    };
    this.#consumers.set(consumerTag, { queue, size });
    try {
      await this.#channel.call(async (raw) => {
        // One behind the other, with nothing in between.
        const limited = this.#isShared ? raw.prefetch(size, false) : undefined;
        const consuming = raw.consume(queue, handle, { consumerTag });
        await Promise.all([limited, consuming]);
      });
    } catch (error) {
      this.#consumers.delete(consumerTag);
      throw error;
    }
  }

  /** Whether `tryOut` takes no message, not even for a moment: RabbitMQ 4 does not look at credit any more. */
  get canTryUnseen(): boolean {
    return this.#options.connection.majorVersion === 3;
  }

  /** Rejects as `consume` would, but at the cost of another channel: by a consumer that has no credit, and is gone at once. */
  async tryOut(queue: string): Promise<void> {
    const channel = await this.#options.connection.openChannel();
    try {
      await channel.call((raw) => raw.prefetch(1, false));
      await channel.call((raw) => raw.consume(queue, () => undefined, { arguments: { "x-credit": NO_CREDIT } }));
    } finally {
      await channel.close();
    }
  }

  /** What came before is here once it resolves. */
  async cancel(consumerTag: string): Promise<void> {
    if (this.#consumers.delete(consumerTag)) await this.#channel.call((raw) => raw.cancel(consumerTag));
  }

  /** Whether the server holds what came by this channel for us, found out by a round trip. */
  async prove(): Promise<boolean> {
    try {
      await this.#prove();
      return true;
    } catch {
      return false;
    }
  }

  /** Resolves once the server has taken the acknowledgement; rejects when the channel ends before. Neither function may throw. */
  ack(message: ConsumeMessage, resolve: () => void, reject: (error: unknown) => void): void {
    if (!this.#channel.isWritable) {
      reject(this.closed ?? new UnusableError("the channel is being closed."));
      return;
    }
    this.#fresh.push({ message, resolve, reject });
    if (this.#fresh.length * 2 >= this.#prefetch) this.flush();
    else this.#flushLater();
  }

  /** Not done, and nothing is to come of it here. Back in its queue the server hands it out again, to anybody; else it goes where its queue's dead letters go. Makes room as an acknowledgement does. */
  giveBack(message: ConsumeMessage, { toItsQueue }: { readonly toItsQueue: boolean }): void {
    if (!this.#channel.isWritable) return; // it goes back with the channel
    this.#window.settle(message.fields.deliveryTag);
    this.#channel.raw.nack(message, false, toItsQueue);
  }

  /** Writes the acknowledgements that wait for the end of the turn. */
  flush(): void {
    const fresh = this.#fresh;
    if (fresh.length === 0 || !this.#channel.isWritable) return;
    this.#fresh = [];
    this.#write(fresh);
    for (const owed of fresh) this.#written.push(owed);
    void this.#prove().catch(() => undefined); // the channel has ended, which is told to all
  }

  /** In order: what was written has been taken then. Never rejects. */
  async close(): Promise<void> {
    this.flush();
    await this.#channel.close();
  }

  #flushLater(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    void endOfTurn().then(() => {
      this.#isFlushing = false;
      this.flush();
    });
  }

  /** All up to the first that is still held are acknowledged in one frame. */
  #write(fresh: readonly Owed[]): void {
    const { raw } = this.#channel;
    for (const { message } of fresh) this.#window.settle(message.fields.deliveryTag);
    let last: ConsumeMessage | undefined;
    for (const { message } of fresh) {
      const { deliveryTag } = message.fields;
      if (deliveryTag > this.#window.floor) raw.ack(message);
      else if (last === undefined || deliveryTag > last.fields.deliveryTag) last = message;
    }
    if (last !== undefined) raw.ack(last, true);
  }

  /** One round trip at a time; who asks while one is under way has to wait for the next. */
  async #prove(): Promise<void> {
    await this.#proving?.catch(() => undefined);
    await (this.#proving ??= this.#roundTrip().finally(() => (this.#proving = undefined)));
  }

  async #roundTrip(): Promise<void> {
    const since = uptimeOf(this.#options.clock);
    this.#underWay = this.#written;
    this.#written = [];
    await this.#channel.call((raw: Channel) => raw.prefetch(Math.max(this.#prefetch, 1), !this.#isShared));
    this.#provenAt = since;
    const taken = this.#underWay;
    this.#underWay = [];
    for (const { resolve } of taken) resolve();
  }

  #fail(reason: Error): void {
    const owed = [...this.#underWay, ...this.#written, ...this.#fresh];
    [this.#underWay, this.#written, this.#fresh] = [[], [], []];
    for (const { reject } of owed) reject(reason);
  }
}
