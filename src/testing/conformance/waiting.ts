import type { Clock } from "../../util/clock.ts";

/** How long anything that must happen may take, in milliseconds: so long only when it fails. */
const PATIENCE_MS = 10_000;

const POLL_MS = 5;

/** The outcome of `promise`, or an error that says what did not happen in time. */
export async function inTime<T>(clock: Clock, promise: PromiseLike<T>, what: string): Promise<T> {
  const settled = new AbortController();
  const tooLate = async (): Promise<never> => {
    await clock.sleep(PATIENCE_MS, { signal: settled.signal });
    throw new Error(`Not within ${PATIENCE_MS} ms: ${what}.`);
  };
  try {
    return await Promise.race([promise, tooLate()]);
  } finally {
    settled.abort();
  }
}

/** Tries again and again until `check` does not throw; in the end, throws what it threw last. */
export async function eventually(clock: Clock, check: () => Promise<void> | void): Promise<void> {
  const end = clock.now() + PATIENCE_MS;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (clock.now() >= end) throw error;
    }
    await clock.sleep(POLL_MS);
  }
}
