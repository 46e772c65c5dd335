import type { Clock } from "./clock.ts";
import { NO_LONGER_NEEDED } from "./no-longer-needed.ts";

/**
 * Calls `act` once, after `ms` milliseconds, unless the function that it returns is called before. For what is nearly always called off: the
 * system's clock then makes neither a promise nor an AbortController for it.
 */
export function startTimer(clock: Clock, ms: number, act: () => void): () => void {
  if (clock.startTimer !== undefined) return clock.startTimer(ms, act);
  const stopped = new AbortController();
  clock.sleep(ms, { signal: stopped.signal }).then(act, () => undefined); // stopped
  return () => stopped.abort(NO_LONGER_NEEDED);
}
