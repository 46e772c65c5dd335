import type { DeadLetterReason } from "../broker/broker.ts";
import type { Clock } from "../util/clock.ts";
import { startTimer } from "../util/timer.ts";
import type { RunOptions } from "./pool.ts";

/** How long a commit may take once its run is to be over, in milliseconds: a database that does not answer must not hold it for ever. */
export const COMMIT_MS = 10_000;

/** Why a run is lost whose commit took longer. */
export const STUCK_COMMIT: DeadLetterReason = {
  code: "stuck-commit",
  detail: `its resources had not committed ${String(COMMIT_MS / 1000)} s after its run was to be over`,
};

/** What may come while a run goes on. */
export interface RunEvents {
  softLimit(limitMs: number): void;
  hardLimit(limitMs: number): void;
  aborted(): void;
}

/** Tells what comes over a run, until the function that it returns is called. */
export function watchRun({ ending, softMs, hardMs }: RunOptions, clock: Clock, events: RunEvents): () => void {
  ending.onEnd(() => events.aborted());
  const stopSoft = softMs === null ? undefined : startTimer(clock, softMs, () => events.softLimit(softMs));
  const stopHard = hardMs === null ? undefined : startTimer(clock, hardMs, () => events.hardLimit(hardMs));
  return () => {
    ending.onEnd(undefined);
    stopSoft?.();
    stopHard?.();
  };
}
