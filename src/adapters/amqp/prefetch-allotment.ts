import type { ConsumerSession } from "./consumer-session.ts";

export interface Allotment {
  readonly session: ConsumerSession;
  readonly queues: readonly string[];
  /** It changes while the server is told. */
  readonly prefetch: () => number;
  /** How many are held by consumers that were cancelled. */
  readonly orphans: () => number;
  readonly consume: (queue: string, size: number) => Promise<void>;
}

/**
 * Deals the prefetch out to the queues where RabbitMQ has no limit over all of them. What is held by a consumer that was cancelled counts until it is settled.
 * With more queues than the prefetch each has one.
 */
export async function allot({ session, queues, prefetch, orphans, consume }: Allotment): Promise<void> {
  if (queues.length === 0) return;
  const fair = Math.max(1, Math.floor(prefetch() / queues.length));
  const freeOf = (): number => {
    const sizes = [...session.shares.values()].reduce((sum, { size }) => sum + size, 0);
    return prefetch() - sizes - orphans();
  };
  const without = (): readonly string[] => queues.filter((queue) => !session.queues.has(queue));
  for (;;) {
    const isTight = freeOf() < 0 || (without().length > 0 && freeOf() < without().length);
    const [largest] = [...session.shares].sort(([, a], [, b]) => b.size - a.size);
    const least = freeOf() < 0 && queues.length <= prefetch() ? 0 : 1;
    if (!isTight || largest === undefined || largest[1].size <= least) break;
    await session.cancel(largest[0]);
  }
  const isCrowded = (): boolean => prefetch() > 0 && queues.length > prefetch();
  for (const queue of without()) {
    const size = Math.min(fair, freeOf());
    if (size > 0 || isCrowded()) await consume(queue, Math.max(size, 1));
  }
  const [first] = queues;
  if (first !== undefined && freeOf() > 0) await consume(first, freeOf());
}

/** How many a session may hold at most: each queue has one where they cannot share. */
export function mostHeld({ isShared, queues }: ConsumerSession, prefetch: number): number {
  return isShared && prefetch > 0 ? Math.max(prefetch, queues.size) : prefetch;
}
