import type { Clock } from "./clock.ts";

/** Resolves when `work` does, and after `ms` milliseconds at the latest; the work itself goes on. */
export async function atMost(ms: number, work: Promise<unknown>, clock: Clock): Promise<void> {
  const done = new AbortController();
  const limit = clock.sleep(ms, { signal: done.signal }).catch(() => undefined);
  try {
    await Promise.race([work, limit]);
  } finally {
    done.abort();
  }
}
