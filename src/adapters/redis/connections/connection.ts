import type { Redis } from "ioredis";
import type { Abortable } from "../../../util/abortable.ts";
import { uptimeOf, type Clock } from "../../../util/clock.ts";
import { toError } from "../../../util/errors.ts";
import { startTimer } from "../../../util/timer.ts";
import { within } from "../../../util/within.ts";
import { Batch, writeCommands, type Answer, type BatchOptions, type TextEncoding } from "./batch.ts";
import { createClient, loginCommands, type Endpoint } from "./endpoint.ts";
import { judge, SilenceError, UnusableError } from "./failure.ts";
import { RedisReplyError, type Command } from "./redis-link.ts";
import { checkServer, SERVER_QUESTIONS } from "./server-check.ts";

/** How long a connection may take until it can be used, in milliseconds: finding the master, the handshakes, the log-in. */
const OPEN_MS = 5_000;
/** How long the server may be silent while it owes a reply, in milliseconds. */
const SILENCE_MS = 5_000;
/** An event loop that was blocked has not read yet what is there: so much longer, in milliseconds, before silence is believed. */
const SECOND_LOOK_MS = 100;

export interface OpenOptions extends Abortable {
  readonly endpoint: Endpoint;
  readonly clock: Clock;
  /** Run after the log-in. */
  readonly setUp?: readonly Command[];
}

/**
 * One socket to a Redis that can be used, from its log-in until it is lost, which it is once: when the socket closes, when the server owes a reply
 * and is silent for too long, when it answers that it cannot be used.
 */
export class Connection {
  /** Scripts that were loaded by this connection, by their SHA-1. */
  readonly loaded: Set<string> = new Set<string>();
  readonly client: Redis;
  readonly #clock: Clock;
  /** Where ioredis writes what has been written by us. */
  readonly #sink: Parameters<Redis["sendCommand"]>[1];
  /** In the order of their answers. */
  #owed: Batch[] = [];
  readonly #lossListeners: (() => void)[] = [];
  #clientId = 0;
  #warnings: readonly string[] = [];
  #lastHeardAt = 0;
  #socketError: Error | undefined;
  #loss: Error | undefined;
  #stopWatching: (() => void) | undefined;
  #isSuspected = false;

  /** Rejects with UnusableError. */
  static async open({ endpoint, clock, setUp = [], signal }: OpenOptions): Promise<Connection> {
    const connection = new Connection(createOrExplain(endpoint), clock);
    const late = new UnusableError(`it did not answer within ${OPEN_MS / 1_000} s.`);
    const limit = { clock, error: () => late, signal };
    let opening: Promise<void> | undefined;
    try {
      await within({ ...limit, ms: OPEN_MS }, () => (opening = connection.#logIn(endpoint, setUp))).catch(
        (error: unknown) => {
          if (error !== late || opening === undefined) throw error;
          return within({ ...limit, ms: SECOND_LOOK_MS }, () => opening as Promise<void>);
        },
      );
      return connection;
    } catch (error) {
      connection.lose(error);
      throw connection.#explained(error);
    }
  }

  private constructor(client: Redis, clock: Clock) {
    this.client = client;
    this.#sink = { isPipeline: true, destination: { redis: client }, write: () => true };
    this.#clock = clock;
    client.on("error", (error: Error) => {
      this.#socketError = error;
    });
    client.on("close", () => this.#break());
  }

  /** The server's CLIENT ID of it. */
  get clientId(): number {
    return this.#clientId;
  }

  /** What users of this server should be warned of. */
  get warnings(): readonly string[] {
    return this.#warnings;
  }

  /** Why it was lost, once it is. */
  get loss(): Error | undefined {
    return this.#loss;
  }

  /** Called once; at once when it is lost already. */
  onLost(listener: () => void): void {
    if (this.#loss === undefined) this.#lossListeners.push(listener);
    else listener();
  }

  /** Resolves with all answers, errors among them; rejects with UnusableError when the connection is lost before. */
  send(commands: Iterable<Command>): Promise<readonly Answer[]> {
    return this.#write(commands);
  }

  /** SUBSCRIBE and its like, and what is sent to a connection that listens: ioredis must know these by their names. */
  async call(name: string, ...args: readonly string[]): Promise<void> {
    const [answer] = await this.#write([[name.toUpperCase(), ...args]], { name, args });
    if (answer instanceof RedisReplyError) throw answer;
  }

  /** Everything that is owed rejects with the reason. */
  lose(reason: unknown): void {
    if (this.#loss !== undefined) return;
    this.#loss = toError(reason);
    this.#stopWatching?.();
    this.client.disconnect();
    // Ending it first, as ioredis does, would wait for a peer that may be gone. It has none before it connects.
    (this.client.stream as Redis["stream"] | undefined)?.destroy();
    for (const batch of this.#owed) batch.fail(this.#loss);
    this.#owed = [];
    for (const listener of this.#lossListeners) listener();
  }

  #write(commands: Iterable<Command>, options: Pick<BatchOptions, "name" | "args"> = {}): Promise<readonly Answer[]> {
    if (this.#loss !== undefined) return Promise.reject(this.#loss);
    const size = this.#writeAll(commands);
    const batch = new Batch({ ...options, size, sentAt: uptimeOf(this.#clock) }, this.#events);
    this.#owed.push(batch);
    this.#stopWatching ??= startTimer(this.#clock, SILENCE_MS, () => this.#watch());
    this.#enqueue(batch);
    return batch.answers;
  }

  /** Throws what making the commands throws; where half of them are written already, the connection is of no more use. */
  #writeAll(commands: Iterable<Command>): number {
    let pieces = 0;
    const write = (text: string, encoding: TextEncoding): void => {
      pieces += 1;
      // A socket that is destroyed by now takes what is written, and drops it.
      this.client.stream.write(text, encoding);
    };
    try {
      return writeCommands(commands, write);
    } catch (error) {
      if (pieces > 0)
        this.lose(new UnusableError("what was sent to it could not be written to its end.", { cause: error }));
      throw error;
    }
  }

  /** ioredis awaits its replies. It rejects it at once when the socket is closing. */
  #enqueue(batch: Batch): void {
    const command = batch as unknown as Parameters<Redis["sendCommand"]>[0];
    for (let owed = 0; owed < batch.size; owed += 1) this.client.sendCommand(command, this.#sink);
  }

  readonly #events = {
    onAnswered: (batch: Batch): void => {
      this.#owed = this.#owed.filter((owed) => owed !== batch);
    },
    onBroken: (error: Error): void => this.#break(error),
  };

  async #logIn({ address }: Endpoint, setUp: readonly Command[]): Promise<void> {
    await this.client.connect();
    this.client.stream.on("data", () => {
      this.#lastHeardAt = uptimeOf(this.#clock);
    });
    const logIn = loginCommands(address);
    const commands = [...logIn, ...SERVER_QUESTIONS, ["CLIENT", "ID"] as const, ...setUp];
    const answers = await this.send(commands);
    this.#warnings = checkServer(answers.slice(logIn.length, logIn.length + SERVER_QUESTIONS.length));
    const [id, ...others] = answers.slice(logIn.length + SERVER_QUESTIONS.length);
    const error = [...answers.slice(0, logIn.length), id, ...others].find(
      (answer) => answer instanceof RedisReplyError,
    );
    if (error !== undefined) throw error;
    this.#clientId = Number(id);
  }

  /** That it was closed is told by us, if nothing else tells more. */
  #break(error?: Error): void {
    const isTelling = error !== undefined && judge(error.message) !== undefined;
    this.lose(this.#explained(isTelling ? error : new Error("the connection was closed")));
  }

  #explained(error: unknown): UnusableError {
    if (error instanceof UnusableError) return error;
    const { message } = this.#socketError ?? toError(error);
    const { detail = `${message}.`, isLasting } = judge(message) ?? {};
    return new UnusableError(detail, { cause: this.#socketError ?? error, isLasting });
  }

  /** One timer for all that is owed: answers come in order, so the first batch is the one to wait for. */
  #watch(): void {
    const [head] = this.#owed;
    this.#stopWatching = undefined;
    if (head === undefined) return;
    const silentMs = uptimeOf(this.#clock) - Math.max(this.#lastHeardAt, head.sentAt);
    const leftMs = SILENCE_MS - silentMs;
    if (leftMs <= 0 && this.#isSuspected) {
      this.lose(
        new SilenceError(`it was silent for ${SILENCE_MS / 1_000} s. What was asked of it may be done or not.`),
      );
      return;
    }
    this.#isSuspected = leftMs <= 0;
    // No longer than for what is sent meanwhile.
    const lookInMs = Math.min(Math.max(leftMs, SECOND_LOOK_MS), SILENCE_MS);
    this.#stopWatching = startTimer(this.#clock, lookInMs, () => this.#watch());
  }
}

/** A file with a certificate may be missing. */
function createOrExplain(endpoint: Endpoint): Redis {
  try {
    return createClient(endpoint);
  } catch (cause) {
    if ((cause as { syscall?: unknown }).syscall === undefined) throw cause;
    throw new UnusableError(`${toError(cause).message}.`, { cause });
  }
}
