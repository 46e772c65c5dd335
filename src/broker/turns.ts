/** How turns follow each other. */
export interface TurnRules {
  /** Time between two turns, in milliseconds. */
  readonly everyMs: number;
  /** How far ahead a turn may be taken, in milliseconds. */
  readonly withinMs: number;
}

export interface Turn {
  /** Whether it is the caller's. */
  readonly isTaken: boolean;
  /** How long it is until the caller's turn, or until the next that nobody has, in milliseconds. */
  readonly inMs: number;
}

/** Before the keys of turns where they are kept among claims, whose own keys never begin so; the latest turn is then the claim's value. */
export const TURN_PREFIX = "\u0001turn:";

/** The turn after that of `last`, in milliseconds as `now` is. After a clock that was set back, `last` may be far ahead, and does not count for what it says. */
export function turnAfter(last: number | undefined, now: number, { everyMs, withinMs }: TurnRules): Turn {
  const inMs = last === undefined ? 0 : Math.max(0, Math.min(last + everyMs - now, withinMs + everyMs));
  return { isTaken: inMs <= withinMs, inMs };
}
