import { grouped } from "./grouped.ts";
import type { Entry } from "./journal.ts";
import type { JudgedRun } from "./judged-runs.ts";
import type { Shot } from "./shooter.ts";

/**
 * A killed worker's tasks are to be run elsewhere after so long, in milliseconds: its leases last 20 s. They keep their place in the queue, so
 * that only older calls may come before them, when hardly a worker is left.
 */
export const LONGEST_TAKEOVER_MS = 30_000;
/** How much longer it may take after a broker was away, in milliseconds: the living are given time to renew. */
const TRUCE_MS = 10_000;

export interface Takeover {
  readonly ms: number;
  /** Whether it took longer than is promised, and calls ran before it that were younger. */
  readonly isLate: boolean;
}

/**
 * How long after one of our workers was killed each task that it was running ran elsewhere. When the heir was killed before it began to run it, which
 * the count of deliveries tells, the time is both's.
 */
export function takeoversOf(
  journal: readonly Entry[],
  runs: readonly JudgedRun[],
  shots: readonly Shot[],
): readonly Takeover[] {
  const due = dueTimes(journal);
  const byCall = grouped(runs, ({ id, retries }) => `${id} ${retries}`);
  const kills = grouped(
    shots.filter(({ of, signal }) => of === "worker" && signal === "SIGKILL"),
    ({ pid }) => pid,
  );
  const outages = shots.filter(({ of }) => of === "broker");
  return runs.flatMap((run) => {
    if (run.endedAt !== undefined) return [];
    const kill = [...(kills.get(run.pid) ?? []), ...(kills.get(run.parent) ?? [])].find(({ at }) => at >= run.at);
    if (kill === undefined) return [];
    const next = byCall.get(`${run.id} ${run.retries}`)?.find(({ at }) => at > kill.at);
    if (next === undefined) return [];
    const longest = LONGEST_TAKEOVER_MS + awayBetween(outages, kill.at, next.at);
    const ms = Math.round((next.at - kill.at) / Math.max(1, next.deliveries - run.deliveries));
    const isOvertaken = runs.some(
      ({ id, at }) => at > kill.at + longest && at < next.at && (due.get(id) ?? 0) > run.at,
    );
    return { ms, isLate: ms > longest && isOvertaken };
  });
}

/** When each call was due at the earliest. */
export function dueTimes(journal: readonly Entry[]): ReadonlyMap<string, number> {
  const due = new Map<string, number>();
  for (const entry of journal) if (entry.what === "sending") due.set(entry.id, entry.dueAt);
  return due;
}

function awayBetween(outages: readonly Shot[], from: number, till: number): number {
  const between = outages.filter(({ at, until }) => at < till && until > from);
  return between.reduce((sum, { at, until }) => sum + (until - at) + TRUCE_MS, 0);
}
