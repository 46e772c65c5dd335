import { LONGEST_MS } from "./schema/result-functions.ts";

/** A life as Postgres can keep it. */
export function wholeMs(ms: number): number {
  return Math.min(Math.ceil(ms), LONGEST_MS);
}
