import type { QueueDepth } from "../src/broker/broker.ts";
import type { Entry, Run } from "./journal.ts";
import type { Exit } from "./pack.ts";
import type { Shot } from "./shooter.ts";

/**
 * A killed worker's tasks are to be run elsewhere after so long, in milliseconds: its leases last 20 s. They keep their place in the queue, so
 * that only older calls may come before them, when hardly a worker is left.
 */
const LONGEST_TAKEOVER_MS = 30_000;
/** How long after its body's end a run may still be hit, in milliseconds: until its message is acknowledged. */
const SETTLING_MS = 3_000;
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

export interface Evidence {
  readonly journal: readonly Entry[];
  readonly shots: readonly Shot[];
  readonly workerExits: readonly Exit[];
  /** Stored states by task id. */
  readonly states: ReadonlyMap<string, string>;
  readonly queue: QueueDepth | undefined;
  readonly deadLetters: readonly string[];
}

export interface Verdict {
  readonly counts: Readonly<Record<string, number>>;
  /** Every promise that was not kept, in words. */
  readonly broken: readonly string[];
}

/** Holds what happened against what is promised: nothing sent is lost, and nothing runs again but for a shot. */
export function judge(evidence: Evidence): Verdict {
  const { journal, shots, states, queue, deadLetters } = evidence;
  const ids = (...whats: readonly Entry["what"][]): ReadonlySet<string> =>
    new Set(journal.filter(({ what }) => whats.includes(what)).map(({ id }) => id));
  const [sending, sent, refused, ran, done] = [ids("sending"), ids("sent"), ids("refused"), ids("begun"), ids("ended")];
  const runs = runsOf(journal, shots);
  const repeats = repeatsOf(journal, runs);
  const takeovers = takeoversOf(journal, runs, shots);

  const owed = [...new Set([...sent, ...ran])];
  const lost = owed.filter((id) => !done.has(id));
  const unsuccessful = owed.filter((id) => states.get(id) !== "SUCCESS");
  const unexplained = repeats.filter(({ extra, hits }) => extra > hits);
  const early = earlyOf(journal);
  const late = takeovers.filter(({ ms, isOvertaken }) => ms > LONGEST_TAKEOVER_MS && isOvertaken);
  const selfEnded = endedByThemselves(evidence);
  const left = queue === undefined ? NaN : queue.ready + queue.delayed + queue.unacked;

  return {
    counts: {
      "calls sent": sent.size,
      "sends rejected": refused.size,
      "sends cut off": sending.size - sent.size - refused.size,
      "of these, calls that came through": [...ran].filter((id) => !sent.has(id)).length,
      "calls done": done.size,
      runs: runs.length,
      "runs asked for by retries": journal.filter(({ what }) => what === "retried").length,
      "runs again after a shot": repeats.reduce((sum, { extra }) => sum + extra, 0),
      shots: shots.length,
      "runs that were hit": runs.filter(({ isHit }) => isHit).length,
      ...countBy(shots.map((shot) => `${shot.signal} at a ${shot.of}`)),
      "crashes of their own": ids("crashed").size,
      "tasks of killed workers taken over": takeovers.length,
      "longest takeover, ms": Math.max(0, ...takeovers.map(({ ms }) => ms)),
      "longest freeze, ms": Math.max(0, ...shots.map(({ at, until }) => until - at)),
    },
    broken: [
      ...about(lost, "calls were lost"),
      ...about(unsuccessful, "calls have no SUCCESS"),
      ...about(
        unexplained.map(({ key, extra, hits }) => `${key}: ${extra} runs more than asked for, ${hits} of them hit`),
        "calls ran again without a shot",
      ),
      ...about(early, "calls ran before their time"),
      ...about(
        late.map(({ ms }) => String(ms)),
        `takeovers took more than ${LONGEST_TAKEOVER_MS} ms`,
      ),
      ...about(selfEnded, "workers ended without a shot"),
      ...about(deadLetters, "messages are dead letters"),
      ...(left === 0 ? [] : [`${left} messages are left in the queue.`]),
    ],
  };
}

interface JudgedRun extends Run {
  readonly id: string;
  readonly at: number;
  readonly endedAt: number | undefined;
  /** Whether a shot may have kept it from ending, or its message from being acknowledged. */
  readonly isHit: boolean;
}

function runsOf(journal: readonly Entry[], shots: readonly Shot[]): readonly JudgedRun[] {
  const ends = new Map<string, number>();
  const crashes = new Set<string>();
  const fatal = byPid(shots.filter(({ signal }) => signal === "SIGKILL" || signal === "SIGQUIT"));
  const freezes = shots.filter(({ at, until }) => until - at >= LOSING_FREEZE_MS);
  const lockedOut = new Set(freezes.filter((freeze) => !wasAnythingSentIn(journal, freeze)));
  for (const entry of journal) {
    if (entry.what === "ended" || entry.what === "retried") ends.set(nameOf(entry), entry.at);
    if (entry.what !== "crashed") continue;
    crashes.add(nameOf(entry));
    if (entry.takes === "process") push(fatal, entry.pid, { at: entry.at });
  }
  return journal.flatMap((entry) => {
    if (entry.what !== "begun") return [];
    const name = nameOf(entry);
    const endedAt = ends.get(name);
    const settledBy = (endedAt ?? Infinity) + SETTLING_MS;
    const isFatal = [...(fatal.get(entry.pid) ?? []), ...(fatal.get(entry.parent) ?? []).map(heardByOrphan)].some(
      ({ at, heardBy = at }) => heardBy >= entry.at && at <= settledBy,
    );
    const isFrozen = freezes.some(
      (freeze) =>
        (freeze.pid === entry.pid || freeze.pid === entry.parent || lockedOut.has(freeze)) &&
        entry.at <= freeze.until + THAW_MS &&
        freeze.at <= settledBy,
    );
    return { ...entry, endedAt, isHit: isFatal || isFrozen || crashes.has(name) };
  });
}

/** If not, the frozen process had the file locked, and no worker could renew its leases. */
function wasAnythingSentIn(journal: readonly Entry[], { at, until }: Shot): boolean {
  return journal.some((entry) => entry.what === "sent" && entry.at > at + PROMPT_SEND_MS && entry.at < until);
}

/** One run, as far as its process ran the call once. */
function nameOf({ id, retries, pid }: Run & { readonly id: string }): string {
  return `${id} ${retries} ${pid}`;
}

interface Repeat {
  readonly key: string;
  /** Runs beyond those asked for. */
  readonly extra: number;
  readonly hits: number;
}

/** By call and retry. A retry that was sent twice, by a run and by its repetition, was asked for twice. */
function repeatsOf(journal: readonly Entry[], runs: readonly JudgedRun[]): readonly Repeat[] {
  const asked = new Map<string, number>();
  for (const entry of journal) {
    if (entry.what !== "retried") continue;
    const key = `${entry.id} ${entry.retries + 1}`;
    asked.set(key, (asked.get(key) ?? 0) + 1);
  }
  const byKey = new Map<string, JudgedRun[]>();
  for (const run of runs) push(byKey, `${run.id} ${run.retries}`, run);
  return [...byKey].flatMap(([key, same]) => {
    const extra = same.length - Math.max(1, asked.get(key) ?? 1);
    return extra > 0 ? { key, extra, hits: same.filter(({ isHit }) => isHit).length } : [];
  });
}

interface Takeover {
  readonly ms: number;
  /** Whether calls ran before it that were younger. */
  readonly isOvertaken: boolean;
}

/**
 * How long after a worker was killed each task that it was running ran elsewhere. When the heir was killed before it began to run it, which
 * the count of deliveries tells, the time is both's.
 */
function takeoversOf(
  journal: readonly Entry[],
  runs: readonly JudgedRun[],
  shots: readonly Shot[],
): readonly Takeover[] {
  const due = dueTimes(journal);
  const byCall = new Map<string, JudgedRun[]>();
  for (const run of runs) push(byCall, `${run.id} ${run.retries}`, run);
  const kills = byPid(shots.filter(({ of, signal }) => of === "worker" && signal === "SIGKILL"));
  return runs.flatMap((run) => {
    if (run.endedAt !== undefined) return [];
    const kill = [...(kills.get(run.pid) ?? []), ...(kills.get(run.parent) ?? [])].find(({ at }) => at >= run.at);
    if (kill === undefined) return [];
    const next = byCall.get(`${run.id} ${run.retries}`)?.find(({ at }) => at > kill.at);
    if (next === undefined) return [];
    const isOvertaken = runs.some(
      ({ id, at }) => at > kill.at + LONGEST_TAKEOVER_MS && at < next.at && (due.get(id) ?? 0) > run.at,
    );
    return { ms: Math.round((next.at - kill.at) / Math.max(1, next.deliveries - run.deliveries)), isOvertaken };
  });
}

function earlyOf(journal: readonly Entry[]): readonly string[] {
  const due = dueTimes(journal);
  return journal.flatMap((entry) => (entry.what === "begun" && entry.at < (due.get(entry.id) ?? 0) ? entry.id : []));
}

/** A worker whose pool's first process is killed cannot start: it says so and ends. */
function endedByThemselves({ workerExits, shots, journal }: Evidence): readonly string[] {
  const hasRun = new Set(journal.flatMap((entry) => (entry.what === "begun" ? [entry.pid, entry.parent] : [])));
  const shot = new Set(shots.map(({ pid }) => pid));
  for (const { parent } of shots) if (parent !== undefined && !hasRun.has(parent)) shot.add(parent);
  for (const entry of journal) if (entry.what === "crashed" && entry.takes === "process") shot.add(entry.pid);
  return workerExits.filter(({ pid }) => !shot.has(pid)).map(({ pid, how }) => `${pid}: ${how}`);
}

function dueTimes(journal: readonly Entry[]): ReadonlyMap<string, number> {
  const due = new Map<string, number>();
  for (const entry of journal) if (entry.what === "sending") due.set(entry.id, entry.dueAt);
  return due;
}

function about(cases: readonly string[], what: string): readonly string[] {
  if (cases.length === 0) return [];
  const some = cases.slice(0, 5).join("; ");
  return [`${cases.length} ${what}: ${some}${cases.length > 5 ? "; …" : ""}`];
}

function byPid(hits: readonly Shot[]): Map<number, Hit[]> {
  const found = new Map<number, Hit[]>();
  for (const { pid, at, signal } of hits)
    push(found, pid, signal === "SIGQUIT" ? { at, heardBy: at + HEARING_MS } : { at });
  return found;
}

interface Hit {
  readonly at: number;
  /** When it has had its effect at the latest. @default at once */
  readonly heardBy?: number;
}

/** What hit a worker, as a process of its pool hears of it. */
function heardByOrphan({ at }: Hit): Hit {
  return { at, heardBy: at + ORPHAN_MS };
}

function countBy(names: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const name of names.toSorted()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

function push<Key, Value>(lists: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
