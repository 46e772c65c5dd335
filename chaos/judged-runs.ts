import { grouped, push } from "./grouped.ts";
import type { Entry, Run } from "./journal.ts";
import type { Shot } from "./shooter.ts";

/** How long after its body's end a run may still be hit, in milliseconds: until its message is acknowledged. */
const SETTLING_MS = 3_000;
/** How long after it was away a broker is being used again at the latest, in milliseconds. */
const HEALING_MS = 10_000;
/** How long before its body's beginning a run may have been hit by a QUIT, in milliseconds: a worker that is busy hears it late, and gives up what it runs by then. */
const HEARING_MS = 1_000;
/** How long a process of a pool may go on, and begin what it has been given, once its worker was killed, in milliseconds. */
const ORPHAN_MS = 1_000;
/** A worker that is frozen for so long may lose its leases: it renews those of 20 s every 7 s. */
const LOSING_FREEZE_MS = 13_000;
/** How long the consequences of such a freeze last, in milliseconds. */
const THAW_MS = 5_000;
/** A send that takes longer was kept waiting by the file's lock, in milliseconds. */
const PROMPT_SEND_MS = 2_000;

export interface JudgedRun extends Run {
  readonly id: string;
  readonly at: number;
  readonly endedAt: number | undefined;
  /** What may have kept it from ending, or its message from being acknowledged: a shot, or what the task itself does. */
  readonly hitBy: string | undefined;
}

/** Every run in the journal, with the shot that hit it. */
export function runsOf(journal: readonly Entry[], shots: readonly Shot[]): readonly JudgedRun[] {
  const ends = new Map<string, number>();
  const crashes = new Set<string>();
  const fatal = fatalHits(shots);
  const freezes = shots.filter(({ of, at, until }) => of !== "broker" && until - at >= LOSING_FREEZE_MS);
  const lockedOut = new Set(freezes.filter((freeze) => !wasAnythingSentIn(journal, freeze)));
  const cuts = shots.filter(({ of }) => of === "connection");
  const outages = shots.filter(({ of }) => of === "broker").toSorted((a, b) => a.at - b.at);
  for (const entry of journal) {
    if (entry.what === "ended" || entry.what === "retried") ends.set(nameOf(entry), entry.at);
    if (entry.what !== "crashed") continue;
    crashes.add(nameOf(entry));
    if (entry.takes === "process") push(fatal, entry.pid, { at: entry.at, by: "a crash" });
  }
  return journal.flatMap((entry) => {
    if (entry.what !== "begun") return [];
    const endedAt = ends.get(nameOf(entry));
    const settledBy = settledAfter(endedAt ?? Infinity, outages, cuts);
    const own = fatal.get(entry.pid) ?? [];
    const ofParent = (fatal.get(entry.parent) ?? []).map(heardByOrphan);
    const shot = [...own, ...ofParent].find(({ at, heardBy = at }) => heardBy >= entry.at && at <= settledBy);
    const isFrozen = freezes.some(
      (freeze) =>
        (freeze.pid === entry.pid || freeze.pid === entry.parent || lockedOut.has(freeze)) &&
        entry.at <= freeze.until + THAW_MS &&
        freeze.at <= settledBy,
    );
    const isCutOff =
      entry.runtime === "python" && [...outages, ...cuts].some((outage) => cutsOff(outage, entry.at, settledBy));
    const hitBy =
      shot?.by ??
      (isFrozen ? "a long freeze" : undefined) ??
      (crashes.has(nameOf(entry)) ? "a crash" : undefined) ??
      (isCutOff ? "an outage, in Python" : undefined);
    return [{ ...entry, endedAt, hitBy }];
  });
}

export interface Repeat {
  readonly key: string;
  /** Runs beyond those asked for. */
  readonly extra: number;
  /** What hit those runs, or the send that they come of. */
  readonly hits: readonly string[];
}

/** By call and retry. A retry that was sent twice, by a run and by its repetition, was asked for twice. */
export function repeatsOf(
  journal: readonly Entry[],
  runs: readonly JudgedRun[],
  shots: readonly Shot[],
): readonly Repeat[] {
  const sentAgain = sendsCutOff(journal, shots);
  const asked = new Map<string, number>();
  for (const entry of journal) {
    if (entry.what !== "retried") continue;
    const key = `${entry.id} ${entry.retries + 1}`;
    asked.set(key, (asked.get(key) ?? 0) + 1);
  }
  const byKey = grouped(runs, ({ id, retries }) => `${id} ${retries}`);
  return [...byKey].flatMap(([key, same]) => {
    const extra = same.length - Math.max(1, asked.get(key) ?? 1);
    const hits = [...same.flatMap(({ hitBy }) => hitBy ?? []), ...(sentAgain.get(key) ?? [])];
    return extra > 0 ? { key, extra, hits } : [];
  });
}

/**
 * By call and retry: sends whose answer may have been lost with the broker or a connection, which had done them. They are tried again, as by Celery (`task_publish_retry`), and so
 * there are two messages.
 */
function sendsCutOff(journal: readonly Entry[], shots: readonly Shot[]): ReadonlyMap<string, string[]> {
  const outages = shots.filter(({ of }) => of === "broker" || of === "connection");
  const cutOff = new Map<string, string[]>();
  const note = (key: string, from: number, till: number): void => {
    for (const { at, until } of outages) if (at <= till && until >= from) push(cutOff, key, "a send that was cut off");
  };
  const begun = new Map<string, number>();
  for (const entry of journal) {
    const { id, at, what } = entry;
    if (what === "sending") begun.set(id, at);
    if (what === "sent") note(`${id} 0`, begun.get(id) ?? at, at);
    if (what === "retried") note(`${id} ${entry.retries + 1}`, at, at + SETTLING_MS);
  }
  return cutOff;
}

interface Hit {
  readonly at: number;
  readonly by: string;
  /** When it has had its effect at the latest. @default at once */
  readonly heardBy?: number;
}

function fatalHits(shots: readonly Shot[]): Map<number, Hit[]> {
  const found = new Map<number, Hit[]>();
  for (const { pid, at, of, signal } of shots) {
    const by = `a ${signal} at a ${of}`;
    if (signal === "SIGKILL") push(found, pid, { at, by });
    if (signal === "SIGQUIT") push(found, pid, { at, by, heardBy: at + HEARING_MS });
  }
  return found;
}

/** What hit a worker, as a process of its pool hears of it. */
function heardByOrphan(hit: Hit): Hit {
  return { ...hit, heardBy: hit.at + ORPHAN_MS };
}

/** While a broker is away, nothing is settled; where a connection is cut, it is tried again, later each time. */
function settledAfter(end: number, outages: readonly Shot[], cuts: readonly Shot[]): number {
  const isCut = cuts.some(({ at, until }) => at <= end + SETTLING_MS && until >= end);
  let settledBy = end + (isCut ? HEALING_MS : SETTLING_MS);
  for (const { at, until } of outages) {
    if (at <= settledBy && until >= end) settledBy = Math.max(settledBy, until + HEALING_MS);
  }
  return settledBy;
}

/** A Python worker forgets what it holds when its connection is lost: it is run again once Celery's visibility timeout is over. */
function cutsOff(outage: Shot, begunAt: number, settledBy: number): boolean {
  return outage.at <= settledBy && begunAt <= outage.until + HEALING_MS;
}

/** If not, the frozen process had the file locked, and no worker could renew its leases. */
function wasAnythingSentIn(journal: readonly Entry[], { at, until }: Shot): boolean {
  return journal.some((entry) => entry.what === "sent" && entry.at > at + PROMPT_SEND_MS && entry.at < until);
}

/** One run, as far as its process ran the call once. */
function nameOf({ id, retries, pid }: Run & { readonly id: string }): string {
  return `${id} ${retries} ${pid}`;
}
