import { randomUUID } from "node:crypto";
import type { Message as AmqpDelivered } from "amqplib";
import type { Clock } from "../../util/clock.ts";
import { deferred, type Deferred } from "../../util/deferred.ts";
import type { Logger } from "../../util/logger.ts";
import { OnceOpen } from "../../util/once-open.ts";
import { within } from "../../util/within.ts";
import type { AmqpPublisher } from "./amqp-publisher.ts";
import type { AmqpChannel } from "./connections/amqp-channel.ts";
import { UnusableError, type AmqpReplyError } from "./connections/amqp-failure.ts";
import type { AmqpLink } from "./connections/amqp-link.ts";
import { KeptChannel } from "./kept-channel.ts";

/** AMQP's `type` of messages that a reply queue sends to itself. */
const MARK = "celeriac.mark";

/** How long a message to itself may take, in milliseconds. */
const MARK_MS = 10_000;

/** The longest that amqplib writes as RabbitMQ reads it: 24 days. */
const MAX_EXPIRES_MS = 2 ** 31 - 1;

export interface ReplyQueueOptions {
  /** It ends with this. */
  readonly link: AmqpLink;
  readonly publisher: AmqpPublisher;
  readonly clock: Clock;
  readonly log: Logger;
  /** Celery: the app's oid. */
  readonly name: string;
  /** For how long the server keeps it while nobody listens, in milliseconds. */
  readonly expiresMs: number;
  readonly onReply: (body: Uint8Array) => void;
}

/**
 * Where replies to one process come. It is durable, and outlives a lost connection, so that what comes meanwhile is there afterwards; it is deleted when it is
 * disposed of. Celery: `celery/backends/rpc.py:RPCBackend.binding`, whose own goes with its connection.
 */
export class ReplyQueue implements AsyncDisposable {
  readonly #options: ReplyQueueOptions;
  readonly #marks = new Map<string, Deferred<void>>();
  readonly #channel: OnceOpen<KeptChannel>;
  #open: KeptChannel | undefined;
  #isRefused = false;

  constructor(options: ReplyQueueOptions) {
    this.#options = options;
    const { link, clock } = options;
    const setUp = (channel: AmqpChannel): Promise<void> => this.#consume(channel);
    const onEnded = (): void => (this.#open = undefined);
    const onRefused = (refusal: AmqpReplyError): void => this.#noteRefusal(refusal);
    this.#channel = new OnceOpen(
      async () => (this.#open = await KeptChannel.open({ link, clock, setUp, onRefused, onEnded: () => onEnded() })),
    );
  }

  /** Resolves once it hears. Calling it again is fine. Rejects with the link's own error. */
  async listen(): Promise<void> {
    await this.#channel.get();
  }

  /** Resolves once all has been told that was in the queue before; at once while it does not listen. Rejects with the link's own error. */
  async caughtUp(): Promise<void> {
    if (this.#open === undefined) return;
    const { link, clock, publisher, name } = this.#options;
    const [id, arrived] = [randomUUID(), deferred()];
    this.#marks.set(id, arrived);
    const late = (): Error => link.explained(new UnusableError("its replies do not come.")) as Error;
    try {
      const properties = { type: MARK, messageId: id, deliveryMode: 1, expiration: String(MARK_MS) };
      await publisher.publish([{ exchange: "", routingKey: name, content: Buffer.alloc(0), properties }]);
      await within({ clock, ms: MARK_MS, error: late }, () => arrived.promise);
    } finally {
      this.#marks.delete(id);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const kept = this.#open;
    if (kept === undefined) return;
    // In this order: what is still consumed would be declared again.
    await kept[Symbol.asyncDispose]();
    await this.#delete().catch(() => undefined); // it expires
  }

  async #delete(): Promise<void> {
    const { link, name } = this.#options;
    const channel = await link.connection?.openChannel();
    if (channel === undefined) return;
    await channel.call((raw) => raw.deleteQueue(name)).finally(async () => channel.close());
  }

  async #consume(channel: AmqpChannel): Promise<void> {
    const { link, log, name, expiresMs } = this.#options;
    const expires = expiresMs > 0 ? { expires: Math.min(expiresMs, MAX_EXPIRES_MS) } : {};
    await channel.call((raw) => raw.assertQueue(name, { durable: true, autoDelete: false, ...expires }));
    await channel.call((raw) => raw.consume(name, (message) => this.#receive(channel, message)));
    if (this.#isRefused) log.info("results come again", { backend: link.url, queue: name });
    this.#isRefused = false;
  }

  #noteRefusal({ message: error }: AmqpReplyError): void {
    const { link, log, name } = this.#options;
    this.#isRefused = true;
    log.error("the queue of results was refused, and is asked for again", { backend: link.url, queue: name, error });
  }

  /** What is null tells that the queue is gone. */
  #receive(channel: AmqpChannel, message: AmqpDelivered | null): void {
    if (message === null) {
      void channel.close();
      return;
    }
    const { type, messageId } = message.properties as { readonly type?: unknown; readonly messageId?: unknown };
    if (type === MARK) this.#marks.get(String(messageId))?.resolve();
    else this.#options.onReply(message.content);
    if (channel.closed === undefined) channel.raw.ack(message);
  }
}
