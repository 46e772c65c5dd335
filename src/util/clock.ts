import type { Abortable } from "./abortable.ts";

/** THE SEAM to time: the only way that anything in Celeriac reads a clock or waits. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason when aborted. Does not keep the process alive when `ref` is false. */
  sleep(ms: number, options?: SleepOptions): Promise<void>;
}

export interface SleepOptions extends Abortable {
  /** Whether a waiting process stays alive for this. @default true */
  readonly ref?: boolean;
}

/** The longest delay that a Node timer can take, in milliseconds: a longer one fires at once. Longer sleeps take several. */
const LONGEST_TIMER_MS = 2_147_483_647;

class SystemClock implements Clock {
  now(): number {
    return Date.now();
  }

  sleep(ms: number, options: SleepOptions = {}): Promise<void> {
    const { signal, ref = true } = options;
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      let timer: NodeJS.Timeout;
      let left = Math.max(ms, 0);
      const wait = (): void => {
        const step = Math.min(left, LONGEST_TIMER_MS);
        left -= step;
        timer = setTimeout(left > 0 ? wait : end, step);
        if (!ref) timer.unref();
      };
      const end = (): void => {
        signal?.removeEventListener("abort", abort);
        resolve();
      };
      const abort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason as Error);
      };
      wait();
      signal?.addEventListener("abort", abort, { once: true });
    });
  }
}

export const systemClock: Clock = new SystemClock();
