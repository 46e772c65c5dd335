/** The longest life that anything is given, in milliseconds: the clocks of Redis and Postgres can add it to the time, and a double holds each of them exactly. */
export const LONGEST_MS: number = 2 ** 50;

/** A life as a store can keep it. */
export function wholeMs(ms: number): number {
  return Math.min(Math.ceil(ms), LONGEST_MS);
}
