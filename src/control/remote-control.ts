import { randomUUID } from "node:crypto";
import type { Broadcaster, Listener } from "../broker/broadcaster.ts";
import type { LamportClock } from "../events/lamport-clock.ts";
import type { Dict } from "../message/fields.ts";
import type { Message } from "../message/message.ts";
import { atMost } from "../util/at-most.ts";
import type { Abortable } from "../util/abortable.ts";
import type { Clock } from "../util/clock.ts";
import { onceOver } from "../util/ending.ts";
import { startTimer } from "../util/timer.ts";
import { untilAborted } from "../util/until-aborted.ts";
import { encodeCommand, type Audience } from "./command.ts";
import { ControlTimeoutError } from "./errors.ts";
import { CONTROL_EXCHANGE, REPLY_EXCHANGE } from "./exchanges.ts";
import { readReply } from "./reply.ts";

export interface AskOptions extends Audience, Abortable {
  /** How long it takes at most once the broker is connected, in milliseconds. @default 1000 */
  readonly timeoutMs?: number;
  /** No more answers are waited for than these. @default as many nodes as `destination` names; else all that come in time */
  readonly limit?: number;
  /** Told once how many connections hear the question, undefined where the broker cannot tell; workers of one process may share one. */
  readonly onAsked?: (hearers: number | undefined) => void;
  /** Called with each answer as it comes. */
  readonly onAnswer?: (node: string, answer: unknown) => void;
}

export interface RemoteControlOptions {
  /** Of the broker, opened if need be. */
  readonly broadcaster: () => Promise<Broadcaster>;
  readonly lamport: LamportClock;
  readonly clock: Clock;
}

const TIMEOUT_MS = 1_000;
/** How long what was opened for the answers may take to close, in milliseconds: it goes by itself if need be. */
const TIDY_MS = 250;
/** Answers that are kept, whoever sends them. */
const MOST_ANSWERS = 10_000;

/** The asking side of remote control: workers of Python and of ours hear it. Celery: `celery/app/control.py`. */
export class RemoteControl {
  readonly #options: RemoteControlOptions;

  constructor(options: RemoteControlOptions) {
    this.#options = options;
  }

  /** Tells workers to do something; resolves once it is broadcast. Rejects with BrokerUnavailableError and ControlUnsupportedError. */
  async tell(method: string, args: Dict = {}, audience: Audience = {}): Promise<void> {
    const { broadcaster, lamport } = this.#options;
    const command = { method, arguments: args, audience };
    const times = { clock: lamport.forward(), expiresAt: undefined };
    await (await broadcaster()).broadcast(encodeCommand(command, times), CONTROL_EXCHANGE);
  }

  /**
   * Node → answer, of those that answer in time: `{"ok": …}`, `{"error": …}`, or what was asked for. Rejects with BrokerUnavailableError,
   * ControlUnsupportedError, ControlTimeoutError, and with the signal's reason.
   */
  async ask(method: string, args: Dict = {}, options: AskOptions = {}): Promise<ReadonlyMap<string, unknown>> {
    const { clock, broadcaster } = this.#options;
    const { timeoutMs = TIMEOUT_MS, signal } = options;
    const channel = await untilAborted(broadcaster(), signal);
    const over = new AbortController();
    const stopTimer = startTimer(clock, timeoutMs, () => over.abort(new ControlTimeoutError(method, timeoutMs)));
    const forget = onceOver({ signal }, (reason) => over.abort(reason));
    try {
      return await this.#askUntil(over.signal, channel, { method, args, expiresAt: clock.now() + timeoutMs }, options);
    } finally {
      stopTimer();
      forget();
    }
  }

  /** Rejects with the reason of `over` where the question was not even asked by then. */
  async #askUntil(
    over: AbortSignal,
    channel: Broadcaster,
    { method, args, expiresAt }: { readonly method: string; readonly args: Dict; readonly expiresAt: number },
    { destination, pattern, matcher, limit, onAsked, onAnswer, signal }: AskOptions,
  ): Promise<ReadonlyMap<string, unknown>> {
    const { lamport, clock } = this.#options;
    const routingKey = randomUUID();
    const ticket = randomUUID();
    const answers = new Map<string, unknown>();
    const listener = await listenUntil(over, channel.listen(REPLY_EXCHANGE, { pattern: routingKey }));
    try {
      const audience = { destination, pattern, matcher };
      const replyTo = { exchange: REPLY_EXCHANGE.name, routingKey, ticket };
      const command = encodeCommand(
        { method, arguments: args, audience, replyTo },
        { clock: lamport.forward(), expiresAt },
      );
      const hearers = await untilAborted(channel.broadcast(command, CONTROL_EXCHANGE), over);
      onAsked?.(hearers);
      const most = Math.min(limit ?? (new Set(destination).size || Infinity), MOST_ANSWERS);
      await listenFor(over, listener, most, (message) => {
        for (const [node, answer] of this.#answersIn(message, ticket)) {
          if (answers.has(node) || answers.size >= most) continue;
          answers.set(node, answer);
          onAnswer?.(node, answer);
        }
        return answers.size < most;
      });
      signal?.throwIfAborted();
      return answers;
    } finally {
      await atMost(TIDY_MS, closed(listener), clock);
    }
  }

  /** What is no answer to this question is passed over. */
  #answersIn(message: Message, ticket: string): readonly (readonly [node: string, answer: unknown])[] {
    try {
      const reply = readReply(message);
      this.#options.lamport.adjust(reply.clock);
      return reply.ticket === ticket ? Object.entries(reply.answers) : [];
    } catch {
      return [];
    }
  }
}

/** A listener that comes too late is closed again. */
async function listenUntil(over: AbortSignal, opening: Promise<Listener>): Promise<Listener> {
  try {
    return await untilAborted(opening, over);
  } catch (error) {
    opening.then(
      (listener) => void closed(listener),
      () => undefined, // told already, or no longer of interest
    );
    throw error;
  }
}

/** Never rejects: what is left goes by itself. */
async function closed(listener: Listener): Promise<void> {
  await Promise.allSettled([listener[Symbol.asyncDispose]()]);
}

/** Hands on what is heard until it is over, or `goesOn` says that it was enough. */
async function listenFor(
  over: AbortSignal,
  listener: Listener,
  most: number,
  goesOn: (message: Message) => boolean,
): Promise<void> {
  if (most <= 0) return;
  const heard = listener[Symbol.asyncIterator]();
  for (;;) {
    const next = await untilAborted(heard.next(), over).catch((error: unknown) => {
      if (!over.aborted) throw error;
      return undefined;
    });
    if (next === undefined || next.done === true || !goesOn(next.value)) return;
  }
}
