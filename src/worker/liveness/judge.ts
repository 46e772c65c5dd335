import { BEAT_MS, type Evidence, type LoopReport, type TaskNote } from "./evidence.ts";

/** An event loop that was blocked for longer than this is wedged, in milliseconds. */
const WEDGED_MS = 1_000;
/** And so is a consumer that should ask for messages and has not come back from asking for so long: it waits for a few seconds at most. */
const STUCK_MS = 30_000;
/** A broker that was to be asked and has not answered for so long, in milliseconds, does not let its worker consume. */
const UNANSWERED_MS = 15_000;

/** `up`: it turns and has a place free; `busy`: all places are taken; `wedged`: its event loop is blocked, or it should consume and does not. */
export type LivenessState = "up" | "busy" | "wedged";

/** How a worker is. */
export interface Liveness {
  readonly state: LivenessState;
  /** Since when, in milliseconds since the epoch. Of a blocked loop: when it was last seen turning. */
  readonly since: number;
  /** Why it is wedged. */
  readonly why: "event loop blocked" | "does not consume" | undefined;
  /** What the loop is blocked in: the task that it began last, else the only one that runs; undefined where it could be several. */
  readonly task: TaskNote | undefined;
  /** What has run longest. */
  readonly oldestTask: TaskNote | undefined;
  /** How late the event loop is, or was at its last beat, in milliseconds. */
  readonly loopLagMs: number;
  /** When the broker last answered the worker's asking for messages, in milliseconds since the epoch; undefined for not yet. */
  readonly lastPoll: number | undefined;
  readonly running: number;
  readonly capacity: number;
}

/** Whose view it is. */
export interface Viewpoint {
  /** The clock's uptime, in milliseconds, and its time since the epoch. */
  readonly uptime: number;
  readonly now: number;
  /** When whoever looks could last run again after it was kept from running, as by SIGSTOP, by the uptime: that was nobody's fault. 0 for never. */
  readonly resumedAt: number;
  /** Whether tasks run in the event loop, and so may block it. */
  readonly isInline: boolean;
}

/** The state of a worker, from the evidence alone. */
export function judge({ beatAt, report, begun }: Evidence, viewpoint: Viewpoint): Liveness {
  const { uptime, now, resumedAt, isInline } = viewpoint;
  const dateOf = (instant: number): number => now - (uptime - instant);
  const tasks = runningTasks({ report, begun });
  const silentMs = uptime - Math.max(beatAt, resumedAt);
  const facts = {
    oldestTask: tasks[0],
    loopLagMs: Math.max(0, silentMs - BEAT_MS, report?.lagMs ?? 0),
    lastPoll: report?.polling?.answeredAt === undefined ? undefined : dateOf(report.polling.answeredAt),
    running: (report?.running ?? 0) + (begun === undefined ? 0 : 1),
    capacity: report?.capacity ?? 0,
  };
  if (beatAt > 0 && silentMs > WEDGED_MS) {
    const task = isInline ? (begun ?? (tasks.length === 1 ? tasks[0] : undefined)) : undefined;
    return { state: "wedged", since: dateOf(Math.max(beatAt, resumedAt)), why: "event loop blocked", task, ...facts };
  }
  const stuckAt = report === undefined ? undefined : stuckSince(report, viewpoint);
  if (stuckAt !== undefined)
    return { state: "wedged", since: dateOf(stuckAt), why: "does not consume", task: undefined, ...facts };
  const isBusy = report !== undefined && facts.running >= facts.capacity;
  return { state: isBusy ? "busy" : "up", since: report?.since ?? now, why: undefined, task: undefined, ...facts };
}

/** All that ran at the last beat, longest first, and what was begun since. */
export function runningTasks({ report, begun }: Pick<Evidence, "report" | "begun">): readonly TaskNote[] {
  const tasks = report?.tasks ?? [];
  return begun === undefined ? tasks : [...tasks, begun];
}

/** Why a worker does not consume now; undefined where it does. */
export function whyNotConsuming(
  { report }: Evidence,
  { state, why }: Pick<Liveness, "state" | "why">,
  viewpoint: Viewpoint,
): string | undefined {
  if (report === undefined) return "the worker is starting";
  const { phase, broker, queues, polling } = report;
  if (phase !== "running") return `the worker is ${phase}`;
  if (state === "wedged") return why;
  if (broker !== "open") return "the broker is away";
  if (queues === 0) return "the worker consumes from no queue";
  const askedMs = viewpoint.uptime - Math.max(polling?.answeredAt ?? 0, report.idleAt, viewpoint.resumedAt);
  if (polling?.isDue === true && askedMs > UNANSWERED_MS) return "the broker does not answer";
  return undefined;
}

/** When a consumer that should have asked since was last seen; undefined where all is well, or the broker is known to be away. */
function stuckSince({ phase, broker, polling, idleAt }: LoopReport, viewpoint: Viewpoint): number | undefined {
  if (phase !== "running" || broker !== "open" || polling?.isDue !== true) return undefined;
  const lastSeen = Math.max(polling.triedAt, idleAt);
  return viewpoint.uptime - Math.max(lastSeen, viewpoint.resumedAt) > STUCK_MS ? lastSeen : undefined;
}
