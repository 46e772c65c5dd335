/**
 * The fence of a hand-out, for stores that number them: the microsecond since the epoch, or one more than the last. So it is greater than all
 * before it even where a power loss has undone the latest, or the store was lost.
 */
export function nextFence(last: number, now: number): number {
  return Math.max(last, now * 1_000) + 1;
}
