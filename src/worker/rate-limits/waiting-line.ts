/** How many stand in front: whoever is there asks again and again, of whatever worker the broker hands it to. */
const FRONT = 2;
/** How soon those in front ask again while the next turn is far, in milliseconds, at least and at most; a quarter of the interval in between. */
const LEAST_HOP_MS = 100;
const LONGEST_HOP_MS = 5_000;

/** How far ahead the line has fixed places, in milliseconds: a limit that was changed takes effect on those that wait by then. */
const ROUND_MS = 30_000;
/** Time between two who come back from behind the line, in milliseconds: what waits costs so much at most, however much it is. */
const PACE_MS = 1.2;

export interface WaitingLineOptions {
  /** Time between two turns, in milliseconds. */
  readonly intervalMs: number;
  /** How long before a turn somebody should be there to have it, in milliseconds. */
  readonly leadMs: number;
}

/**
 * When those whose turn is not near come back. Nobody has a place by name: what is deferred may come back to another worker of the queue, and a turn goes to
 * whoever is there. So there are places in time, and somebody comes at each:
 *
 *     now ─▶ front: two, who hop ─▶ line: one for each turn, until the round ends ─▶ behind it: the others, in their order, close together
 *
 * The front makes up for who comes early or late, or to another worker. When those from behind come back, a new round has begun, and the first of them
 * have places in it. All times are in milliseconds of one clock.
 */
export class WaitingLine {
  readonly #intervalMs: number;
  readonly #leadMs: number;
  /** When those in front come back. */
  #front: readonly number[] = [];
  /** The last place in the line. */
  #end = -Infinity;
  #roundEnd = -Infinity;
  /** When the last of those behind the line comes back. */
  #behind = -Infinity;

  constructor({ intervalMs, leadMs }: WaitingLineOptions) {
    this.#intervalMs = intervalMs;
    this.#leadMs = leadMs;
  }

  /** When the one who joins is to come back; `nextTurn` is the first that nobody has. */
  join(now: number, nextTurn: number): number {
    this.#front = this.#front.filter((at) => at > now);
    if (this.#front.length < FRONT) return this.#joinFront(now, nextTurn);
    // Those behind the line are all to come round before it has an end again.
    if (now >= this.#roundEnd) this.#roundEnd = Math.max(now + ROUND_MS, this.#behind);
    const place = Math.max(this.#end + this.#intervalMs, nextTurn - this.#leadMs);
    if (place < this.#roundEnd) return (this.#end = place);
    return (this.#behind = Math.max(this.#behind, this.#roundEnd) + PACE_MS);
  }

  #joinFront(now: number, nextTurn: number): number {
    const hopMs = Math.min(Math.max(this.#intervalMs / 4, LEAST_HOP_MS), LONGEST_HOP_MS);
    const at = Math.min(now + hopMs, nextTurn - this.#leadMs);
    this.#front = [...this.#front, at];
    return at;
  }
}
