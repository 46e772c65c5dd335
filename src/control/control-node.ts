import type { Broadcaster, Listener } from "../broker/broadcaster.ts";
import type { LamportClock } from "../events/lamport-clock.ts";
import { EncodeError, UnreadableMessageError } from "../message/errors.ts";
import type { Dict } from "../message/fields.ts";
import type { Message } from "../message/message.ts";
import { strLiteral } from "../message/python-literals.ts";
import { toError } from "../util/errors.ts";
import type { Logger } from "../util/logger.ts";
import { readCommand, type Command } from "./command.ts";
import { CONTROL_EXCHANGE, REPLY_EXCHANGE } from "./exchanges.ts";
import { isMeant } from "./is-meant.ts";
import { encodeReply } from "./reply.ts";

/** Does a command and gives its answer; undefined for none. What it throws is answered as an error. */
export type Handler = (args: Dict) => unknown;

export interface ControlNodeOptions {
  readonly broadcaster: Broadcaster;
  /** The node's name: `celery@host`. */
  readonly node: string;
  /** By method, aliases included. */
  readonly handlers: ReadonlyMap<string, Handler>;
  readonly lamport: LamportClock;
  readonly log: Logger;
}

/** Commands that are done at the same time; of a flood, the others wait where the listener keeps them. */
const AT_ONCE = 16;

/** Hears the commands that are broadcast, does those that are meant for this node, and answers. Kombu: `pidbox.py:Node`. */
export class ControlNode implements AsyncDisposable {
  readonly #options: ControlNodeOptions;
  readonly #listener: Listener;
  readonly #underWay = new Set<Promise<void>>();
  readonly #listening: Promise<void>;

  /** Resolves once it hears. */
  static async open(options: ControlNodeOptions): Promise<ControlNode> {
    return new ControlNode(options, await options.broadcaster.listen(CONTROL_EXCHANGE));
  }

  private constructor(options: ControlNodeOptions, listener: Listener) {
    this.#options = options;
    this.#listener = listener;
    this.#listening = this.#listen();
  }

  /** Resolves once what was begun is answered. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener[Symbol.asyncDispose]();
    await this.#listening;
  }

  /** Never rejects: a worker that hears no more commands runs its tasks all the same. */
  async #listen(): Promise<void> {
    try {
      for await (const message of this.#listener) {
        const done = this.#hear(message).then(() => void this.#underWay.delete(done));
        this.#underWay.add(done);
        if (this.#underWay.size >= AT_ONCE) await Promise.race(this.#underWay);
      }
    } catch (error) {
      const { node, log } = this.#options;
      log.error("remote control is heard no more", { node, error: toError(error).message });
    }
    await Promise.all(this.#underWay);
  }

  /** Never rejects: whatever is sent, the worker goes on. */
  async #hear(message: Message): Promise<void> {
    const { node, lamport, log } = this.#options;
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

  async #reply({ method, replyTo }: Command, answer: unknown): Promise<void> {
    if (replyTo === undefined || answer === undefined) return;
    const { broadcaster, node, lamport, log } = this.#options;
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
