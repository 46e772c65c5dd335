import { celeryLosses } from "./celery-losses.ts";
import type { Entry } from "./journal.ts";
import { repeatsOf, runsOf, type Repeat } from "./judged-runs.ts";
import type { Exit } from "./pack.ts";
import type { Shot } from "./shooter.ts";
import { dueTimes, LONGEST_TAKEOVER_MS, takeoversOf } from "./takeovers.ts";

export interface Evidence {
  readonly journal: readonly Entry[];
  readonly shots: readonly Shot[];
  /** Of our workers. */
  readonly workerExits: readonly Exit[];
  /** Stored states by task id. */
  readonly states: ReadonlyMap<string, string>;
  /** Messages that are anywhere once all is over. */
  readonly left: number;
  readonly deadLetters: readonly string[];
}

export interface Verdict {
  readonly counts: Readonly<Record<string, number>>;
  /** Every promise that was not kept, in words. */
  readonly broken: readonly string[];
}

/** Holds what happened against what is promised: nothing sent is lost, and nothing runs again but for a shot. */
export function judge(evidence: Evidence): Verdict {
  const { journal, shots, states, left, deadLetters } = evidence;
  const ids = (...whats: readonly Entry["what"][]): ReadonlySet<string> =>
    new Set(journal.filter(({ what }) => whats.includes(what)).map(({ id }) => id));
  const [sending, sent, refused, ran, done] = [ids("sending"), ids("sent"), ids("refused"), ids("begun"), ids("ended")];
  const runs = runsOf(journal, shots);
  const repeats = repeatsOf(journal, runs, shots);
  const takeovers = takeoversOf(journal, runs, shots);
  const inPython = runs.filter(({ runtime }) => runtime === "python");

  const undone = [...new Set([...sent, ...ran])].filter((id) => !done.has(id));
  const celerys = celeryLosses(journal, undone, shots);
  const lost = undone.filter((id) => !celerys.has(id));
  const unsuccessful = [...done].filter((id) => states.get(id) !== "SUCCESS");
  const unexplained = repeats.filter(({ extra, hits }) => extra > hits.length);
  const late = takeovers.filter(({ isLate }) => isLate);

  return {
    counts: {
      "calls sent": sent.size,
      "sends rejected": refused.size,
      "sends cut off": sending.size - sent.size - refused.size,
      "of these, calls that came through": [...ran].filter((id) => !sent.has(id)).length,
      "calls done": done.size,
      runs: runs.length,
      "runs in Celery's own workers": inPython.length,
      "runs asked for by retries": journal.filter(({ what }) => what === "retried").length,
      "runs again after a shot": repeats.reduce((sum, { extra }) => sum + extra, 0),
      ...countBy(repeats.flatMap(causesOf)),
      shots: shots.length,
      "runs that were hit": runs.filter(({ hitBy }) => hitBy !== undefined).length,
      ...countBy(shots.map((shot) => `${shot.signal} at a ${shot.of}`)),
      "crashes of their own": ids("crashed").size,
      "calls that Celery lost between its pop and its note": celerys.size,
      "tasks of killed workers taken over": takeovers.length,
      "longest takeover, ms": Math.max(0, ...takeovers.map(({ ms }) => ms)),
      "longest freeze, ms": Math.max(0, ...shots.map(({ at, until }) => until - at)),
    },
    broken: [
      ...about(lost, "calls were lost"),
      ...about(unsuccessful, "calls have no SUCCESS"),
      ...about(
        unexplained.map(
          ({ key, extra, hits }) => `${key}: ${extra} runs more than asked for, ${hits.length} of them hit`,
        ),
        "calls ran again without a shot",
      ),
      ...about(earlyOf(journal), "calls ran before their time"),
      ...about(
        late.map(({ ms }) => String(ms)),
        `takeovers took more than ${LONGEST_TAKEOVER_MS} ms`,
      ),
      ...about(endedByThemselves(evidence), "workers ended without a shot"),
      ...about(deadLetters, "messages are dead letters"),
      ...(left === 0 ? [] : [`${left} messages are left in the queue.`]),
    ],
  };
}

/** What each run too many is put down to. */
function causesOf({ extra, hits }: Repeat): readonly string[] {
  return hits.slice(0, extra).map((hit) => `… for ${hit}`);
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

function about(cases: readonly string[], what: string): readonly string[] {
  if (cases.length === 0) return [];
  const some = cases.slice(0, 5).join("; ");
  return [`${cases.length} ${what}: ${some}${cases.length > 5 ? "; …" : ""}`];
}

function countBy(names: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const name of names.toSorted()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
