import type { Clock } from "../../util/clock.ts";
import { toError } from "../../util/errors.ts";
import type { Logger } from "../../util/logger.ts";
import type { Queries } from "./connections/pool.ts";

/** Rows of a table that one statement deletes, and the pause after it, in milliseconds. */
const MOST_ROWS = 1_000;
const PAUSE_MS = 20;

export interface PrunerOptions {
  readonly queries: Queries;
  /** As SQL writes it. */
  readonly schema: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborted, it prunes no more. */
  readonly signal: AbortSignal;
}

/** Deletes what has expired of one kind, one part after the other, each a statement of its own: what took too long is tried again with fewer rows. */
export class Pruner {
  readonly #kind: string;
  readonly #options: PrunerOptions;
  #most = MOST_ROWS;
  /** The failure that was logged, until there is none or another. */
  #told: string | undefined;

  constructor(kind: string, options: PrunerOptions) {
    this.#kind = kind;
    this.#options = options;
  }

  /** Until nothing is left, or a part failed, which is logged. Never rejects. */
  async prune(): Promise<void> {
    const { clock, signal } = this.#options;
    while (!signal.aborted && (await this.#isMoreToDo())) {
      // Disposing ends the pause early.
      await clock.sleep(PAUSE_MS, { ref: false, signal }).catch(() => undefined);
    }
  }

  async #isMoreToDo(): Promise<boolean> {
    const { queries, schema } = this.#options;
    const most = this.#most;
    try {
      const [row] = await queries.query<{ readonly pruned: number }>(
        `SELECT ${schema}.prune_${this.#kind}($1) AS pruned`,
        [most],
      );
      this.#told = undefined;
      this.#most = Math.min(most * 2, MOST_ROWS);
      return (row?.pruned ?? 0) >= most;
    } catch (error) {
      this.#fail(toError(error).message);
      return false;
    }
  }

  #fail(error: string): void {
    const { log, signal } = this.#options;
    if (signal.aborted) return;
    this.#most = Math.ceil(this.#most / 10);
    if (error !== this.#told) log.warn("expired rows cannot be deleted", { kind: this.#kind, error });
    this.#told = error;
  }
}
