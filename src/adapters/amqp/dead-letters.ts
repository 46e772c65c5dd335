import type { DeadLetter, DeadLetterQuery, DeadLetterSelection } from "../../broker/broker.ts";
import { UnroutableError } from "../../broker/errors.ts";
import { uptimeOf, type Clock } from "../../util/clock.ts";
import type { Outgoing } from "./amqp-message.ts";
import type { AmqpPublisher } from "./amqp-publisher.ts";
import type { ChannelPool } from "./channel-pool.ts";
import type { AmqpChannel } from "./connections/amqp-channel.ts";
import type { AmqpLink } from "./connections/amqp-link.ts";
import { isSelected, replayed, type HeldLetter } from "./dead-letter.ts";
import { DeadLetterQueue } from "./dead-letter-queue.ts";
import { findQueue } from "./find-queue.ts";

/** How many are replayed in one step. */
const STEP = 500;

/** How long an answer may be given again while the number of dead letters stays the same, in milliseconds. */
const OLD_MS = 300_000;
/** So many questions are remembered that had nothing for an answer. */
const MAX_REMEMBERED = 1_000;

export interface DeadLettersOptions {
  readonly link: AmqpLink;
  readonly pool: ChannelPool;
  readonly publisher: AmqpPublisher;
  readonly clock: Clock;
  /** The name of the durable queue that keeps them. */
  readonly queue: string;
}

/** There was nothing, when there were so many dead letters in all. */
interface Nothing {
  readonly among: number;
  /** By the clock's uptime, in milliseconds. */
  readonly until: number;
}

/** What the seam asks of dead letters. */
export class DeadLetters {
  readonly #options: DeadLettersOptions;
  readonly #queue: DeadLetterQueue;
  /** By the query. To look costs a read of all before what is asked for; to count costs nothing. */
  readonly #nothing = new Map<string, Nothing>();

  constructor(options: DeadLettersOptions) {
    this.#options = options;
    this.#queue = new DeadLetterQueue(options);
  }

  /** Where a dead letter is sent. Makes the queue where need be. */
  async route(): Promise<Pick<Outgoing, "exchange" | "routingKey">> {
    await this.#queue.ensure();
    return { exchange: "", routingKey: this.#queue.name };
  }

  /** The queue is not there any more. */
  forget(): void {
    this.#queue.forget();
  }

  async list({ limit = 100, after, mayBeOld = false, queue, code }: DeadLetterQuery): Promise<readonly DeadLetter[]> {
    if (limit < 1) return [];
    const query = JSON.stringify([queue, code, after]);
    if (mayBeOld && (await this.#isStillNothing(query))) return [];
    const among = mayBeOld ? await this.#queue.count() : 0;
    const found = await this.#queue.look((letters) => behind(letters, after, { queue, code }, limit));
    if (mayBeOld && found.length === 0) this.#remember(query, among);
    return found;
  }

  /** As `Broker.replay`. */
  replay(selection: DeadLetterSelection, queue: string | undefined): Promise<number> {
    return this.#queue.look(async (letters, channel) => {
      const chosen = await select(letters, selection);
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
    return this.#queue.look(async (letters, channel) => {
      const chosen = await select(letters, selection);
      await acknowledge(channel, chosen);
      return chosen.length;
    });
  }

  async #check(queue: string): Promise<void> {
    if ((await findQueue(this.#options.pool, queue)) === undefined) throw new UnroutableError("", queue);
  }

  async #isStillNothing(query: string): Promise<boolean> {
    const nothing = this.#nothing.get(query);
    if (nothing === undefined) return false;
    this.#nothing.delete(query);
    if (uptimeOf(this.#options.clock) >= nothing.until || (await this.#queue.count()) !== nothing.among) return false;
    this.#nothing.set(query, nothing);
    return true;
  }

  #remember(query: string, among: number): void {
    if (this.#nothing.size >= MAX_REMEMBERED) this.#nothing.clear();
    this.#nothing.set(query, { among, until: uptimeOf(this.#options.clock) + OLD_MS });
  }
}

/** Reads no further than it must. Behind one that is not there any more are those that died later. */
async function behind(
  letters: AsyncIterable<HeldLetter>,
  after: string | undefined,
  filter: DeadLetterSelection,
  limit: number,
): Promise<readonly DeadLetter[]> {
  const found: DeadLetter[] = [];
  const later: DeadLetter[] = [];
  let isBehind = after === undefined;
  for await (const { letter } of letters) {
    if (letter.id === after) isBehind = true;
    else if (!isSelected(letter, filter)) continue;
    else if (isBehind) found.push(letter);
    else if (after !== undefined && letter.id > after) later.push(letter);
    if (found.length === limit) return found;
  }
  return isBehind ? found : later.slice(0, limit);
}

/** All of them; of those named by their ids no more is read than holds them. */
async function select(
  letters: AsyncIterable<HeldLetter>,
  selection: DeadLetterSelection,
): Promise<readonly HeldLetter[]> {
  const chosen: HeldLetter[] = [];
  const most = "ids" in selection ? new Set(selection.ids).size : Infinity;
  if (most === 0) return chosen;
  for await (const held of letters) {
    if (isSelected(held.letter, selection)) chosen.push(held);
    if (chosen.length === most) break;
  }
  return chosen;
}

async function acknowledge(channel: AmqpChannel, held: readonly HeldLetter[]): Promise<void> {
  for (const { raw } of held) channel.raw.ack(raw);
  // They are taken once this is answered.
  if (held.length > 0) await channel.call((raw) => raw.prefetch(0));
}
