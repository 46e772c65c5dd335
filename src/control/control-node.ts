import type { Broadcaster } from "../broker/broadcaster.ts";
import { keepListening } from "../broker/keep-listening.ts";
import type { LamportClock } from "../events/lamport-clock.ts";
import { EncodeError, UnreadableMessageError } from "../message/errors.ts";
import type { Dict } from "../message/fields.ts";
import type { Message } from "../message/message.ts";
import { strLiteral } from "../message/python-literals.ts";
import type { Clock } from "../util/clock.ts";
import { deferred } from "../util/deferred.ts";
import { toError } from "../util/errors.ts";
import type { Logger } from "../util/logger.ts";
import { readCommand, type Command } from "./command.ts";
import { CONTROL_EXCHANGE, REPLY_EXCHANGE } from "./exchanges.ts";
import { isMeant } from "./is-meant.ts";
import { encodeReply } from "./reply.ts";

/** Does a command and gives its answer; undefined for none. What it throws is answered as an error. */
export type Handler = (args: Dict) => unknown;

/** Whose turn it is where several hear for one node. */
export interface Turns {
  /** Whether this one does a command; it may take its time. */
  mayDo(command: Command): boolean | Promise<boolean>;
  /** Whether this one answers: asked once the answer is there, and true for no more than one of them. */
  mayAnswer(command: Command): boolean;
}

export interface ControlNodeOptions {
  readonly broadcaster: Broadcaster;
  /** The node's name: `celery@host`. */
  readonly node: string;
  /** By method, aliases included. */
  readonly handlers: ReadonlyMap<string, Handler>;
  /** @default all of them are this one's */
  readonly turns?: Turns | undefined;
  readonly lamport: LamportClock;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Commands that are done at the same time; of a flood, the others wait where the listener keeps them. */
const AT_ONCE = 16;

/** Hears the commands that are broadcast, as soon as the broker lets it, does those that are meant for this node, and answers. Kombu: `pidbox.py:Node`. */
export class ControlNode implements AsyncDisposable {
  readonly #options: ControlNodeOptions;
  readonly #underWay = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  readonly #heard = deferred();
  readonly #listening: Promise<void>;

  constructor(options: ControlNodeOptions) {
    this.#options = options;
    this.#listening = this.#listen();
  }

  /** By method. */
  get handlers(): ReadonlyMap<string, Handler> {
    return this.#options.handlers;
  }

  /** Resolves once it hears; not at all where it is closed before. */
  get hears(): Promise<void> {
    return this.#heard.promise;
  }

  /** Resolves once what was begun is answered. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#listening;
  }

  /** Never rejects: a worker that hears no commands runs its tasks all the same. */
  async #listen(): Promise<void> {
    const { broadcaster, clock, log } = this.#options;
    await keepListening({
      ...{ broadcaster, exchange: CONTROL_EXCHANGE, signal: this.#closing.signal, clock, log },
      onListening: () => this.#heard.resolve(),
      onMessage: (message) => this.#begin(message),
    });
    await Promise.all(this.#underWay);
  }

  /** Resolves once there is room for another. */
  async #begin(message: Message): Promise<void> {
    const done = this.#hear(message).then(() => void this.#underWay.delete(done));
    this.#underWay.add(done);
    if (this.#underWay.size >= AT_ONCE) await Promise.race(this.#underWay);
  }

  /** Never rejects: whatever is sent, the worker goes on. */
  async #hear(message: Message): Promise<void> {
    const { node, turns, lamport, log } = this.#options;
    let command: Command;
    try {
      const heard = readCommand(message);
      lamport.adjust(heard.clock);
      command = heard.command;
    } catch (error) {
      const reason = error instanceof UnreadableMessageError ? error.reason : toError(error).message;
      log.warn("control message not read", { node, reason });
      return;
    }
    if (!isMeant(node, command.audience)) return;
    if (turns !== undefined && !(await turns.mayDo(command))) return;
    const answer = await this.#answer(command);
    await this.#reply(command, answer);
  }

  async #answer({ method, arguments: args }: Command): Promise<unknown> {
    const { node, handlers, log } = this.#options;
    const handler = handlers.get(method);
    // As Celery's own worker says it: clients look for these words.
    if (handler === undefined) return { error: `KeyError(${strLiteral(method)})` };
    try {
      return await handler(args);
    } catch (error) {
      const { message } = toError(error);
      log.warn("control command refused", { node, method, error: message });
      return { error: message };
    }
  }

  async #reply(command: Command, answer: unknown): Promise<void> {
    const { method, replyTo } = command;
    if (replyTo === undefined || answer === undefined) return;
    const { broadcaster, node, turns, lamport, log } = this.#options;
    if (turns?.mayAnswer(command) === false) return;
    const exchange = { ...REPLY_EXCHANGE, name: replyTo.exchange };
    try {
      const encode = (value: unknown): Message => encodeReply(node, value, replyTo.ticket, lamport.forward());
      await broadcaster.broadcast(encodeOr(encode, answer), exchange, replyTo.routingKey);
    } catch (error) {
      log.warn("control command not answered", { node, method, error: toError(error).message });
    }
  }
}

/** Whoever asks is told why an answer cannot cross the wire, such as that of a task with odd arguments. */
function encodeOr(encode: (value: unknown) => Message, answer: unknown): Message {
  try {
    return encode(answer);
  } catch (error) {
    if (!(error instanceof EncodeError)) throw error;
    return encode({ error: error.message });
  }
}
