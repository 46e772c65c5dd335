import { uptimeOf, type Clock } from "../../util/clock.ts";

/** How often it is looked whether the loop turns, in milliseconds. */
const LOOK_MS = 1_000;

export interface LoopWatchOptions {
  /** Watched only where it has an uptime: in virtual time no loop is ever blocked. */
  readonly clock: Clock;
  /** Shorter blocks are not told of, in milliseconds. */
  readonly longestMs: number;
  /** Called once after each longer block, with how long it was at least, in milliseconds. */
  readonly onBlocked: (ms: number) => void;
  readonly signal: AbortSignal;
}

/** Watches, until aborted, whether the event loop turns. A process that was stopped counts as blocked. Never rejects, and keeps no process alive. */
export async function watchLoop({ clock, longestMs, onBlocked, signal }: LoopWatchOptions): Promise<void> {
  if (clock.uptime === undefined) return;
  const lookMs = Math.min(LOOK_MS, longestMs / 2);
  while (!signal.aborted) {
    const due = uptimeOf(clock) + lookMs;
    await clock.sleep(lookMs, { signal, ref: false }).catch(() => undefined);
    const late = uptimeOf(clock) - due;
    if (late > longestMs) onBlocked(Math.round(late));
  }
}
