import { randomUUID } from "node:crypto";
import type { Broadcaster, Listener } from "../broker/broadcaster.ts";
import type { LamportClock } from "../events/lamport-clock.ts";
import type { Dict } from "../message/fields.ts";
import type { Message } from "../message/message.ts";
import type { Clock } from "../util/clock.ts";
import { startTimer } from "../util/timer.ts";
import { encodeCommand, type Audience } from "./command.ts";
import { CONTROL_EXCHANGE, REPLY_EXCHANGE } from "./exchanges.ts";
import { readReply } from "./reply.ts";

export interface AskOptions extends Audience {
  /** How long answers are waited for, in milliseconds. @default 1000 */
  readonly timeoutMs?: number;
  /** No more answers are waited for than these. @default as many nodes as `destination` names; else all that come in time */
  readonly limit?: number;
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

  /** Node → answer, of those that answer in time: `{"ok": …}`, `{"error": …}`, or what was asked for. Rejects with BrokerUnavailableError and ControlUnsupportedError. */
  async ask(method: string, args: Dict = {}, options: AskOptions = {}): Promise<ReadonlyMap<string, unknown>> {
    const { broadcaster, lamport, clock } = this.#options;
    const { destination, pattern, matcher, timeoutMs = TIMEOUT_MS, onAnswer } = options;
    const named = new Set(destination).size;
    const limit = Math.min(options.limit ?? (named === 0 ? MOST_ANSWERS : named), MOST_ANSWERS);
    const routingKey = randomUUID();
    const ticket = randomUUID();
    const answers = new Map<string, unknown>();
    const channel = await broadcaster();
    await using listener = await channel.listen(REPLY_EXCHANGE, { pattern: routingKey });
    const audience = { destination, pattern, matcher };
    const replyTo = { exchange: REPLY_EXCHANGE.name, routingKey, ticket };
    const times = { clock: lamport.forward(), expiresAt: clock.now() + timeoutMs };
    await channel.broadcast(encodeCommand({ method, arguments: args, audience, replyTo }, times), CONTROL_EXCHANGE);
    await listenFor(timeoutMs, clock, listener, (message) => {
      for (const [node, answer] of this.#answersIn(message, ticket)) {
        if (answers.has(node) || answers.size >= limit) continue;
        answers.set(node, answer);
        onAnswer?.(node, answer);
      }
      return answers.size < limit;
    });
    return answers;
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

/** Hands on what is heard until the time is over, or `goesOn` says that it was enough. */
async function listenFor(
  ms: number,
  clock: Clock,
  listener: Listener,
  goesOn: (message: Message) => boolean,
): Promise<void> {
  let stopTimer = (): void => undefined;
  const late = new Promise<undefined>((resolve) => (stopTimer = startTimer(clock, ms, () => resolve(undefined))));
  const heard = listener[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await Promise.race([heard.next(), late]);
      if (next === undefined || next.done === true || !goesOn(next.value)) return;
    }
  } finally {
    stopTimer();
  }
}
