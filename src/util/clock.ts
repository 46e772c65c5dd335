import type { Abortable } from "./abortable.ts";

/** THE SEAM to time: the only way that anything in Celeriac reads a clock or waits. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Milliseconds since some instant, which pass evenly whatever is done to the system's time. Absent where nobody can change `now`. */
  uptime?(): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason when aborted. Does not keep the process alive when `ref` is false. */
  sleep(ms: number, options?: SleepOptions): Promise<void>;
  /** Calls `act` after `ms` milliseconds unless the function that it returns is called before. Absent: `startTimer` makes one of `sleep`. */
  startTimer?(ms: number, act: () => void): () => void;
}

export interface SleepOptions extends Abortable {
  /** Whether a waiting process stays alive for this. @default true */
  readonly ref?: boolean;
}

/** The longest delay that a Node timer can take, in milliseconds: a longer one fires at once. Longer waits take several. */
const LONGEST_TIMER_MS = 2_147_483_647;

class SystemClock implements Clock {
  now(): number {
    return Date.now();
  }

  uptime(): number {
    return performance.now();
  }

  sleep(ms: number, { signal, ref = true }: SleepOptions = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      const abort = (): void => {
        stop();
        reject(signal?.reason as Error);
      };
      const end = (): void => {
        signal?.removeEventListener("abort", abort);
        resolve();
      };
      const stop = this.startTimer(ms, end, ref);
      signal?.addEventListener("abort", abort, { once: true });
    });
  }

  startTimer(ms: number, act: () => void, ref = true): () => void {
    let timer: NodeJS.Timeout;
    let left = Math.max(ms, 0);
    const wait = (): void => {
      const step = Math.min(left, LONGEST_TIMER_MS);
      left -= step;
      timer = setTimeout(left > 0 ? wait : act, step);
      if (!ref) timer.unref();
    };
    wait();
    return () => clearTimeout(timer);
  }
}

export const systemClock: Clock = new SystemClock();

/** For measuring how long something takes, whatever is done to the system's time meanwhile, in milliseconds. */
export function uptimeOf(clock: Clock): number {
  return clock.uptime?.() ?? clock.now();
}
