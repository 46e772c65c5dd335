import type { ArgumentReader } from "../../control/argument-reader.ts";
import type { Dict } from "../../message/fields.ts";
import type { TaskNote } from "./evidence.ts";
import type { Liveness } from "./judge.ts";

/** Who says it: the event loop itself, or the thread that stands in for it. */
export type AnsweredBy = "event loop" | "thread";

/** As the command `liveness` answers, and the health endpoint: times in seconds since the epoch, durations in seconds. */
export function livenessAnswer(liveness: Liveness, answeredBy: AnsweredBy): Dict {
  const { state, since, why, task, oldestTask, loopLagMs, lastPoll, running, capacity } = liveness;
  return {
    state,
    since: seconds(since),
    why: why ?? null,
    task: taskAnswer(task),
    oldest_task: taskAnswer(oldestTask),
    running,
    capacity,
    last_poll: lastPoll === undefined ? null : seconds(lastPoll),
    loop_lag: seconds(loopLagMs),
    answered_by: answeredBy,
    pid: process.pid,
  };
}

/** Python's workers answer just that; who asks for more gets it of ours alone. */
export function pingAnswer(args: ArgumentReader, liveness: () => Dict): Dict {
  return { ok: "pong", ...(args.flag("liveness") ? { liveness: liveness() } : {}) };
}

function taskAnswer(task: TaskNote | undefined): Dict | null {
  return task === undefined ? null : { id: task.id, name: task.name, time_start: seconds(task.startedAt) };
}

function seconds(ms: number): number {
  return Math.round(ms) / 1000;
}
