import type { Rate, RateLimitScope } from "../../app/rate-limit.ts";
import type { KeyStore } from "../../broker/key-store.ts";
import { turnAfter, type Turn, type TurnRules } from "../../broker/turns.ts";
import { uptimeOf, type Clock } from "../../util/clock.ts";
import { WaitingLine } from "./waiting-line.ts";

/** How far ahead a turn is taken, in milliseconds: for so long at most its delivery waits in the worker for it. */
const LONGEST_HOLD_MS = 1_000;
/** So many turns ahead at most. */
const MOST_AHEAD = 50;

/** Between two starts, of the interval: less than all of it, so that who was late is not late for ever. */
const LEAST_GAP = 0.9;

export interface RateLimiterOptions {
  readonly task: string;
  /** As it was given. */
  readonly rate: Rate;
  /** Time between two turns, in milliseconds. */
  readonly intervalMs: number;
  readonly clock: Clock;
  /** Gives the turns, where all workers have the limit together. @default this worker's own */
  readonly keys?: KeyStore | undefined;
  /** What was the task's limit before: its last turn counts. @default none */
  readonly before?: RateLimiter | undefined;
}

/**
 * Gives the turns of one task: `intervalMs` apart, and none for the time when nobody was there. One that comes within a second is taken ahead, so that none
 * is lost while a message is on its way.
 */
export class RateLimiter {
  readonly rate: Rate;
  readonly #key: string;
  readonly #keys: KeyStore | undefined;
  readonly #clock: Clock;
  readonly #rules: TurnRules;
  readonly #line: WaitingLine;
  /** The latest turn that is known to be taken, of the uptime; where others give turns too, the next one may be later than it tells. */
  #last: number | undefined;
  /** From when on the next may start, of the uptime. */
  #free = -Infinity;

  constructor({ task, rate, intervalMs, clock, keys, before }: RateLimiterOptions) {
    this.rate = rate;
    this.#key = task;
    this.#keys = keys;
    this.#clock = clock;
    const withinMs = Math.min(LONGEST_HOLD_MS, MOST_AHEAD * intervalMs);
    this.#rules = { everyMs: intervalMs, withinMs };
    this.#line = new WaitingLine({ intervalMs, leadMs: withinMs / 2 });
    this.#last = before === undefined ? undefined : before.#last;
  }

  get scope(): RateLimitScope {
    return this.#keys === undefined ? "worker" : "cluster";
  }

  /** Whether there may be a turn soon enough to be taken. */
  get isNear(): boolean {
    return this.#next().isTaken;
  }

  /** Takes a turn. How long it is until then, in milliseconds; undefined when none is near. Rejects as the key store does. */
  take(): number | undefined | Promise<number | undefined> {
    const turn = this.#next();
    if (!turn.isTaken) return undefined;
    return this.#keys === undefined ? this.#note(turn) : this.#takeShared(this.#keys);
  }

  /** To be asked once, when a turn has come: how long it is put off even so, in milliseconds. After a blocked event loop, all would start at once whose turns came meanwhile. */
  lagMs(): number {
    const now = uptimeOf(this.#clock);
    const at = Math.max(now, this.#free);
    this.#free = at + LEAST_GAP * this.#rules.everyMs;
    return at - now;
  }

  /** How long to wait before asking again, in milliseconds. */
  waitMs(): number {
    const now = uptimeOf(this.#clock);
    return this.#line.join(now, now + this.#next().inMs) - now;
  }

  #next(): Turn {
    return turnAfter(this.#last, uptimeOf(this.#clock), this.#rules);
  }

  async #takeShared(keys: KeyStore): Promise<number | undefined> {
    return this.#note(await keys.takeTurn(this.#key, this.#rules));
  }

  #note({ isTaken, inMs }: Turn): number | undefined {
    const at = uptimeOf(this.#clock) + inMs;
    this.#last = isTaken ? at : at - this.#rules.everyMs;
    return isTaken ? inMs : undefined;
  }
}
