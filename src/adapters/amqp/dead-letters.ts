import { createHash, randomUUID } from "node:crypto";
import type { ConsumeMessage } from "amqplib";
import type { DeadLetter, DeadLetterQuery, DeadLetterSelection, DeliveryNote } from "../../broker/broker.ts";
import { BrokerUnavailableError, UnroutableError } from "../../broker/errors.ts";
import { withNote } from "../../broker/queued/history.ts";
import { nextFence } from "../../broker/queued/next-fence.ts";
import type { Clock } from "../../util/clock.ts";
import { deferred } from "../../util/deferred.ts";
import { within } from "../../util/within.ts";
import { copyOf, deathOf, fromAmqp, marksOf, type Death, type Outgoing } from "./amqp-message.ts";
import type { AmqpPublisher } from "./amqp-publisher.ts";
import type { ChannelPool } from "./channel-pool.ts";
import { isRefusedWith, type AmqpChannel } from "./connections/amqp-channel.ts";
import type { AmqpConnection } from "./connections/amqp-connection.ts";
import type { AmqpLink } from "./connections/amqp-link.ts";

/** How long one waits for others who look at the dead letters, and then for these, in milliseconds. */
const TURN_MS = 30_000;
const PAUSE_MS = 25;
/** How many are replayed in one step. */
const STEP = 500;

export interface DeadLettersOptions {
  readonly link: AmqpLink;
  readonly pool: ChannelPool;
  readonly publisher: AmqpPublisher;
  readonly clock: Clock;
  /** The name of the durable queue that keeps them. */
  readonly queue: string;
}

/** A dead letter as it is held while it is looked at. */
interface Held {
  readonly raw: ConsumeMessage;
  readonly letter: DeadLetter;
}

/**
 * Dead letters are messages of a queue that nobody consumes from. To look at them is to be handed all, one party at a time, and to end the channel: what
 * was not acknowledged is then in its place again.
 */
export class DeadLetters {
  readonly #options: DeadLettersOptions;
  /** On which connection the queue was declared. */
  #connection: AmqpConnection | undefined;
  #declared: Promise<void> | undefined;
  /** Those of this process come one after the other: AMQP's lock tells connections apart, not them. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: DeadLettersOptions) {
    this.#options = options;
  }

  /** Where a dead letter is sent. Makes the queue where need be. */
  async route(): Promise<Pick<Outgoing, "exchange" | "routingKey">> {
    const { link, queue } = this.#options;
    if (this.#declared === undefined || this.#connection !== link.connection) {
      this.#connection = link.connection;
      this.#declared = this.#declare();
    }
    await this.#declared;
    return { exchange: "", routingKey: queue };
  }

  async #declare(): Promise<void> {
    const { pool, queue } = this.#options;
    try {
      await pool.call((raw) => raw.assertQueue(queue, { durable: true }));
    } catch (error) {
      // Somebody has declared it with arguments, such as a length: it is taken as it is.
      if (isRefusedWith(error, 406)) return;
      this.#declared = undefined;
      throw error;
    }
  }

  list({ limit = 100, after, ...filter }: DeadLetterQuery): Promise<readonly DeadLetter[]> {
    return this.#look(async (all) => {
      const letters = all.map(({ letter }) => letter);
      const index = letters.findIndex(({ id }) => id === after);
      const behind =
        index === -1 ? letters.filter(({ id }) => after === undefined || id > after) : letters.slice(index + 1);
      return behind.filter((letter) => isSelected(letter, filter)).slice(0, limit);
    });
  }

  /** As `Broker.replay`. */
  replay(selection: DeadLetterSelection, queue: string | undefined): Promise<number> {
    return this.#look(async (all, channel) => {
      const chosen = all.filter(({ letter }) => isSelected(letter, selection));
      const targets = new Set(chosen.map(({ letter }) => queue ?? letter.queue));
      for (const target of targets) await this.#check(target);
      for (let start = 0; start < chosen.length; start += STEP) {
        const step = chosen.slice(start, start + STEP);
        await this.#options.publisher.publish(step.map((each) => replayed(each, queue)));
        await acknowledge(channel, step);
      }
      return chosen.length;
    });
  }

  drop(selection: DeadLetterSelection): Promise<number> {
    return this.#look(async (all, channel) => {
      const chosen = all.filter(({ letter }) => isSelected(letter, selection));
      await acknowledge(channel, chosen);
      return chosen.length;
    });
  }

  async #check(queue: string): Promise<void> {
    try {
      await this.#options.pool.call((raw) => raw.checkQueue(queue));
    } catch (error) {
      if (isRefusedWith(error, 404)) throw new UnroutableError("", queue);
      throw error;
    }
  }

  #look<T>(use: (all: readonly Held[], channel: AmqpChannel) => Promise<T>): Promise<T> {
    const turn = this.#turn.then(() => this.#lookAlone(use));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #lookAlone<T>(use: (all: readonly Held[], channel: AmqpChannel) => Promise<T>): Promise<T> {
    const { link, pool, queue } = this.#options;
    await this.route();
    const lock = `${queue}.lock`;
    await this.#lock(lock);
    const connection = await link.connect();
    const channel = await connection.openChannel();
    try {
      return await use(await this.#takeAll(channel), channel);
    } catch (error) {
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

  /** All that there are now, oldest first. */
  async #takeAll(channel: AmqpChannel): Promise<readonly Held[]> {
    const { clock, queue, link } = this.#options;
    const { messageCount } = await channel.call((raw) => raw.checkQueue(queue));
    const all: Held[] = [];
    if (messageCount === 0) return all;
    const { promise, resolve, reject } = deferred();
    promise.catch(() => undefined); // a channel that closes while it is asked says so there
    channel.onClosed(reject);
    const take = (raw: ConsumeMessage | null): void => {
      if (raw === null || all.length === messageCount) return;
      all.push({ raw, letter: letterOf(raw) });
      if (all.length === messageCount) resolve();
    };
    const { consumerTag } = await channel.call((raw) => raw.consume(queue, take));
    const error = (): Error =>
      new BrokerUnavailableError(link.url, `it did not hand out its dead letters within ${TURN_MS / 1_000} s.`);
    await within({ clock, ms: TURN_MS, error }, () => promise);
    await channel.call((raw) => raw.cancel(consumerTag));
    return all;
  }
}

let lastDeath = 0;

/** Names a dead letter: of two that die in this process the later is the greater. */
export function deathId(now: number): string {
  lastDeath = nextFence(lastDeath, now);
  return idAt(lastDeath, randomUUID().replaceAll("-", ""));
}

/** `at` is in microseconds since the epoch. */
function idAt(at: number, unique: string): string {
  return `${at.toString(16).padStart(14, "0")}-${unique.slice(0, 12)}`;
}

async function acknowledge(channel: AmqpChannel, held: readonly Held[]): Promise<void> {
  for (const { raw } of held) channel.raw.ack(raw);
  // They are taken once this is answered.
  if (held.length > 0) await channel.call((raw) => raw.prefetch(0));
}

/** As new, with its death as the last note. */
function replayed({ raw, letter }: Held, queue = letter.queue): Outgoing {
  const history = withNote(letter.history, letter.reason, letter.diedAt.getTime());
  return { exchange: "", routingKey: queue, ...copyOf(raw, { deliveries: 0, history }) };
}

function isSelected(letter: DeadLetter, selection: DeadLetterSelection): boolean {
  if ("ids" in selection) return selection.ids.includes(letter.id);
  const { queue = letter.queue, code = letter.reason.code } = selection;
  return letter.queue === queue && letter.reason.code === code;
}

function letterOf(raw: ConsumeMessage): DeadLetter {
  const death = deathOf(raw) ?? deathByServer(raw);
  const { deliveries, history } = { ...marksOf(raw), ...death };
  const { id, queue, reason, at } = death;
  return {
    id,
    queue,
    message: fromAmqp(raw),
    reason,
    deliveries,
    history: history satisfies readonly DeliveryNote[],
    diedAt: new Date(at),
  };
}

/** What RabbitMQ itself dead-letters tells so in its x-death header, the latest death first. */
function deathByServer(raw: ConsumeMessage): Death {
  const [last] = raw.properties.headers?.["x-death"] ?? [];
  const at = (last?.time.value ?? 0) * 1_000;
  const { correlationId, messageId } = raw.properties as { correlationId?: string; messageId?: string };
  const identity = JSON.stringify([last?.queue, at, correlationId, messageId]);
  const hash = createHash("sha1").update(identity).update(raw.content).digest("hex");
  return {
    id: idAt(at * 1_000, hash),
    queue: last?.queue ?? "",
    reason: REASONS[last?.reason ?? ""] ?? {
      code: "dead-lettered",
      detail: `By RabbitMQ: ${last?.reason ?? "no reason told"}.`,
    },
    deliveries: last?.count ?? 0,
    at,
  };
}

const REASONS: Readonly<Record<string, DeadLetter["reason"]>> = {
  rejected: { code: "rejected", detail: "A consumer rejected it, and RabbitMQ dead-lettered it." },
  expired: { code: "expired", detail: "Its time to live in RabbitMQ was over." },
  maxlen: { code: "queue-full", detail: "Its queue had reached its greatest length." },
  delivery_limit: {
    code: "delivery-limit",
    detail: "It was returned more often than its quorum queue's delivery limit allows.",
  },
};
