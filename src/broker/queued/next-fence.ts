/** In microseconds since the epoch, in the year 2112: no fence comes near the end of safe integers, however wrong a clock may be. */
const LATEST = 2 ** 52;

/**
 * The fence of a hand-out, for stores that number them: the microsecond since the epoch, or one more than the last. So it is greater than all
 * before it even where a power loss has undone the latest, or the store was lost, unless the clock was set back at the same time.
 */
export function nextFence(last: number, now: number): number {
  return Math.max(last, Math.min(now * 1_000, LATEST)) + 1;
}
