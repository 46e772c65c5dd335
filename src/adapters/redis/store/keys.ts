import type { DeadLetterFilter } from "../../../broker/broker.ts";
import { PRIORITY_STEPS, type PriorityStep } from "../envelope.ts";

/** Between a queue's name and a priority step, and between the parts of a binding. Kombu: `redis.py:Channel.sep`. */
export const SEPARATOR = "\x06\x16";

/** The names of all keys of a store. What does not begin with `celeriac:` is Kombu's, as its Redis transport has it. */
export class StoreKeys {
  readonly prefix: string;
  /** Hash: what is handed out or delayed, by the name of its place, as `[<envelope>,<exchange>,<routing key>]`. Kombu: `redis.py:QoS.append`. */
  readonly unacked: string;
  /**
   * Sorted set of the same names. Kombu scores them by the second of the hand-out, and restores what is older than its visibility timeout; we do by that at which the
   * lease ends or the delay is over, so that no timeout is too short for what is renewed.
   */
  readonly unackedIndex: string;
  /** Hash of declared exchanges: their types. */
  readonly exchanges: string;
  /** Hash of all dead letters, by id. */
  readonly deadLetters: string;
  /** The id of the last one. */
  readonly lastDeadLetter: string;

  constructor(prefix: string) {
    this.prefix = prefix;
    this.unacked = `${prefix}unacked`;
    this.unackedIndex = `${prefix}unacked_index`;
    this.exchanges = `${prefix}celeriac:exchanges`;
    this.deadLetters = `${prefix}celeriac:dead`;
    this.lastDeadLetter = `${prefix}celeriac:dead:last`;
  }

  /** Kombu: `redis.py:Channel._q_for_pri`. */
  list(queue: string, step: PriorityStep): string {
    return step === 0 ? `${this.prefix}${queue}` : `${this.prefix}${queue}${SEPARATOR}${step}`;
  }

  /** The most urgent first. */
  lists(queue: string): readonly string[] {
    return PRIORITY_STEPS.map((step) => this.list(queue, step));
  }

  /** What is to be watched by whoever waits for a message in a queue. */
  awaited(queue: string): readonly string[] {
    return [...this.lists(queue), this.delayed(queue)];
  }

  /** Sorted set of what is delayed in a queue, by the millisecond at which it is due. */
  delayed(queue: string): string {
    return `${this.prefix}celeriac:delayed:${queue}`;
  }

  /** The attempts at pushing of one process. */
  pushed(process: string): string {
    return `${this.prefix}celeriac:pushed:${process}`;
  }

  /** Kombu's table of an exchange. Kombu: `redis.py:Channel.keyprefix_queue`. */
  bindings(exchange: string): string {
    return `${this.prefix}_kombu.binding.${exchange}`;
  }

  /** Sorted set of the ids of the dead letters that a filter lets through, scored by themselves. */
  deadLetterIndex({ queue, code }: DeadLetterFilter): string {
    const all = `${this.prefix}celeriac:dead:`;
    if (queue !== undefined && code !== undefined) return `${all}both:${Buffer.byteLength(queue)}:${queue}:${code}`;
    if (queue !== undefined) return `${all}queue:${queue}`;
    return code === undefined ? `${all}all` : `${all}code:${code}`;
  }
}
