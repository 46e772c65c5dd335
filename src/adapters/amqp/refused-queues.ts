import { exponentialBackoff } from "../../util/backoff.ts";
import { uptimeOf, type Clock } from "../../util/clock.ts";
import type { Logger } from "../../util/logger.ts";

/** Pauses before a queue that the server refused is looked at again. */
const PAUSES = { baseMs: 250, maxMs: 10_000, jitter: false } as const;

interface Refusal {
  readonly reason: string;
  readonly times: number;
  /** By the clock's uptime, in milliseconds. */
  readonly until: number;
}

/** Queues that the server refuses to a consumer, as one that another consumer has for itself: each is left alone for a while, and the others go on. */
export class RefusedQueues {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #refusals = new Map<string, Refusal>();

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  add(queue: string, { message: reason }: Error): void {
    const { times = 0, reason: before } = this.#refusals.get(queue) ?? {};
    const until = uptimeOf(this.#clock) + exponentialBackoff(times, PAUSES);
    this.#refusals.set(queue, { reason, times: times + 1, until });
    const fields = { queue, error: reason };
    if (reason === before) this.#log.debug("queue refused again", fields);
    else this.#log.error("queue refused, nothing is taken from it until the server allows it", fields);
  }

  /** Whether it was refused when it was last tried. */
  has(queue: string): boolean {
    return this.#refusals.has(queue);
  }

  /** Whether it is too early to try it again. */
  isBarred(queue: string): boolean {
    return uptimeOf(this.#clock) < (this.#refusals.get(queue)?.until ?? 0);
  }

  /** It is consumed from. */
  delete(queue: string): void {
    if (this.#refusals.delete(queue)) this.#log.info("queue refused no longer", { queue });
  }

  /** Forgets those that nobody wants any more. */
  keepOnly(queues: readonly string[]): void {
    for (const queue of this.#refusals.keys()) if (!queues.includes(queue)) this.#refusals.delete(queue);
  }

  /** How long until the next of them may be tried, in milliseconds; undefined when there is none. */
  get pauseMs(): number | undefined {
    const untils = [...this.#refusals.values()].map(({ until }) => until);
    return untils.length === 0 ? undefined : Math.max(0, Math.min(...untils) - uptimeOf(this.#clock));
  }
}
