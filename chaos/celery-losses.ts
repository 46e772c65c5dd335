import type { Entry } from "./journal.ts";
import type { Shot } from "./shooter.ts";

/**
 * Those of the lost calls that Celery's own workers have lost. They pop a message first and note it afterwards (`kombu/transport/redis.py:Channel._brpop_read`,
 * `QoS.append`), so that one which is killed in between, or whose connection is, takes a message with it that nobody has begun: one for each shot, at most.
 */
export function celeryLosses(
  journal: readonly Entry[],
  lost: readonly string[],
  shots: readonly Shot[],
): ReadonlySet<string> {
  const candidates = lost.flatMap((id) => {
    const sentAt = waitingSince(journal.filter((entry) => entry.id === id));
    return sentAt === undefined ? [] : { id, sentAt };
  });
  const kills = shots
    .filter(({ of, signal }) => (of === "python" && signal === "SIGKILL") || of === "broker")
    .map(({ at }) => at)
    .toSorted((a, b) => a - b);
  const losses = new Set<string>();
  for (const { id, sentAt } of candidates.toSorted((a, b) => b.sentAt - a.sentAt)) {
    if ((kills.pop() ?? 0) > sentAt) losses.add(id);
  }
  return losses;
}

/** Since when a call was waiting when it was last heard of; undefined when that was in a run. */
function waitingSince(entries: readonly Entry[]): number | undefined {
  const last = entries.toSorted((a, b) => a.at - b.at).at(-1);
  return last === undefined || !["sending", "sent", "retried"].includes(last.what) ? undefined : last.at;
}
