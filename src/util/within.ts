import type { Abortable } from "./abortable.ts";
import type { Clock } from "./clock.ts";
import { startTimer } from "./timer.ts";

export interface Limit extends Abortable {
  readonly clock: Clock;
  /** In milliseconds. */
  readonly ms: number;
  /** Makes the error that tells of the end of the time. */
  readonly error: () => Error;
}

/**
 * The outcome of `work`, or a rejection when its time is over or `signal` aborts, whatever the work does then: it is told by the signal that
 * it is given, which does not abort otherwise.
 */
export function within<T>({ clock, ms, error, signal }: Limit, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const givenUp = new AbortController();
    const giveUp = (reason: unknown): void => {
      end();
      reject(reason);
      givenUp.abort(reason);
    };
    const abort = (): void => giveUp(signal?.reason);
    const stopTimer = startTimer(clock, ms, () => giveUp(error()));
    signal?.addEventListener("abort", abort);
    const end = (): void => {
      stopTimer();
      signal?.removeEventListener("abort", abort);
    };
    const ended = async (): Promise<T> => {
      try {
        return await work(givenUp.signal);
      } finally {
        end();
      }
    };
    ended().then(resolve, reject);
  });
}
