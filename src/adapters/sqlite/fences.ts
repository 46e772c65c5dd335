import { nextFence } from "../../broker/queued/next-fence.ts";
import type { Sql } from "./shared-database.ts";

const LAST = "SELECT last FROM fences";
const NOTE = "UPDATE fences SET last = ?";

/** Fences for the hand-outs of one transaction; to be noted at its end. */
export class Fences {
  readonly #sql: Sql;
  readonly #now: number;
  readonly #before: number;
  #last: number;

  constructor(sql: Sql, now: number) {
    this.#sql = sql;
    this.#now = now;
    this.#before = sql<{ readonly last: number }>(LAST).get()?.last ?? 0;
    this.#last = this.#before;
  }

  next(): number {
    this.#last = nextFence(this.#last, this.#now);
    return this.#last;
  }

  note(): void {
    if (this.#last > this.#before) this.#sql(NOTE).run(this.#last);
  }
}
