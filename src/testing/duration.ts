import { parseDuration } from "../util/duration.ts";

/** Milliseconds, or text with a unit: `500ms`, `10s`, `1.5h`, `7d`. */
export type Duration = number | string;

/** Throws RangeError for what is no time to come. */
export function durationMs(duration: Duration): number {
  const ms = typeof duration === "number" ? duration : parseDuration(duration);
  if (ms !== undefined && ms >= 0 && ms < Infinity) return ms;
  throw new RangeError(`"${duration}" is no duration. Give milliseconds, or text such as "500ms", "10s", "1h".`);
}
