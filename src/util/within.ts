import type { Abortable } from "./abortable.ts";
import type { Clock } from "./clock.ts";
import { Ending } from "./ending.ts";
import { startTimer } from "./timer.ts";

export interface Limit extends Abortable {
  readonly clock: Clock;
  /** In milliseconds. */
  readonly ms: number;
  /** Makes the error that tells of the end of the time. */
  readonly error: () => Error;
}

/**
 * The outcome of `work`, or a rejection when its time is over or `signal` aborts, whatever the work does then: it is told by the ending that
 * it is given, which does not come otherwise.
 */
export function within<T>({ clock, ms, error, signal }: Limit, work: (until: Ending) => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const until = new Ending();
    const giveUp = (reason: unknown): void => {
      end();
      reject(reason);
      until.end(reason);
    };
    const abort = (): void => giveUp(signal?.reason);
    const stopTimer = startTimer(clock, ms, () => giveUp(error()));
    signal?.addEventListener("abort", abort);
    const end = (): void => {
      stopTimer();
      signal?.removeEventListener("abort", abort);
    };
    const fail = (failure: unknown): void => {
      end();
      reject(failure);
    };
    try {
      work(until).then((value) => {
        end();
        resolve(value);
      }, fail);
    } catch (failure) {
      fail(failure);
    }
  });
}
