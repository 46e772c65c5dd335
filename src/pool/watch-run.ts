import type { Clock } from "../util/clock.ts";
import { NO_LONGER_NEEDED } from "../util/no-longer-needed.ts";
import type { RunOptions } from "./pool.ts";

/** What may come while a run goes on. */
export interface RunEvents {
  softLimit(limitMs: number): void;
  hardLimit(limitMs: number): void;
  aborted(): void;
}

/** Tells what comes over a run, until the function that it returns is called. */
export function watchRun({ ending, softMs, hardMs }: RunOptions, clock: Clock, events: RunEvents): () => void {
  ending.onEnd(() => events.aborted());
  const limits = softMs === null && hardMs === null ? undefined : new AbortController();
  const after = (ms: number, act: () => void): void => {
    clock.sleep(ms, { signal: limits?.signal }).then(act, () => undefined); // the run ended first
  };
  if (softMs !== null) after(softMs, () => events.softLimit(softMs));
  if (hardMs !== null) after(hardMs, () => events.hardLimit(hardMs));
  return () => {
    ending.onEnd(undefined);
    limits?.abort(NO_LONGER_NEEDED);
  };
}
