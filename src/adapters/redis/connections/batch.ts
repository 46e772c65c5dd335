import { deferred, type Deferred } from "../../../util/deferred.ts";
import { RedisReplyError, type Command, type Reply } from "./redis-link.ts";

/** A reply as ioredis hands it on: its parser leaves texts as bytes, and errors within arrays as errors. */
type RawReply = Buffer | string | number | null | Error | readonly RawReply[];

export type Answer = Reply | RedisReplyError;

/**
 * Commands that are written at once and answered in order. ioredis keeps it in its queue in place of the commands, once for each reply that is
 * owed: a command of its own class costs a promise, and thrice as much time. This is what it asks of one (`built/Redis.js:sendCommand`,
 * `built/DataHandler.js`).
 */
export class Batch {
  /** Lower case, for those commands that ioredis must know: it keeps account of subscriptions. */
  readonly name: string;
  readonly args: readonly string[];
  /** Keeps ioredis from tracing it. */
  readonly isTraced = true;
  readonly promise = undefined;
  /** How many replies are owed at first. */
  readonly size: number;
  /** By the clock's uptime, in milliseconds. */
  readonly sentAt: number;
  readonly #answers: Answer[] = [];
  readonly #done: Deferred<readonly Answer[]> = deferred();
  readonly #events: BatchEvents;

  constructor({ size, sentAt, name = "", args = [] }: BatchOptions, events: BatchEvents) {
    this.size = size;
    this.sentAt = sentAt;
    this.name = name;
    this.args = args;
    this.#events = events;
  }

  /** All replies, errors among them. Rejects when the connection is lost before. */
  get answers(): Promise<readonly Answer[]> {
    return this.#done.promise;
  }

  fail(error: unknown): void {
    this.#done.reject(error);
  }

  /** Called by ioredis for each reply. */
  resolve(reply: RawReply): void {
    this.#take(read(reply));
  }

  /** Called by ioredis for each error reply, and when the connection has ended. */
  reject(error: Error): void {
    if (error.name === "ReplyError") this.#take(new RedisReplyError(error.message));
    else this.#events.onBroken(error);
  }

  /** Called by ioredis. */
  setReplyContext(): void {}

  /** Called by ioredis; everything has been written by then, or is by now. */
  toWritable(): string {
    return "";
  }

  #take(answer: Answer): void {
    this.#answers.push(answer);
    if (this.#answers.length < this.size) return;
    this.#events.onAnswered(this);
    this.#done.resolve(this.#answers);
  }
}

export interface BatchOptions {
  readonly size: number;
  readonly sentAt: number;
  readonly name?: string;
  readonly args?: readonly string[];
}

export interface BatchEvents {
  readonly onAnswered: (batch: Batch) => void;
  /** The connection has ended, or what came by it cannot be read. */
  readonly onBroken: (error: Error) => void;
}

function read(reply: RawReply): Answer {
  if (reply instanceof Buffer) return reply.toString();
  if (Array.isArray(reply)) return (reply as readonly RawReply[]).map(read) as Reply;
  return reply instanceof Error ? new RedisReplyError(reply.message) : (reply as Reply);
}

/** So many characters are written at once: the server reads them while the rest is made. */
const PIECE = 32_768;

/** Of ASCII alone: that is copied in half the time. */
export type TextEncoding = "latin1" | "utf8";

/** Writes commands in Redis' protocol, and returns how many. They are asked for one by one. */
export function writeCommands(
  commands: Iterable<Command>,
  write: (text: string, encoding: TextEncoding) => void,
): number {
  let count = 0;
  let text = "";
  let encoding: TextEncoding = "latin1";
  for (const command of commands) {
    count += 1;
    text += `*${command.length}\r\n`;
    for (const argument of command) {
      const value = String(argument);
      const size = Buffer.byteLength(value);
      if (size !== value.length) encoding = "utf8";
      text += `$${size}\r\n${value}\r\n`;
    }
    if (text.length >= PIECE) {
      write(text, encoding);
      text = "";
      encoding = "latin1";
    }
  }
  if (text !== "") write(text, encoding);
  return count;
}
