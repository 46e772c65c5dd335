import { NOWHERE } from "../../src/util/roster.ts";
import type { RunningTask } from "../../src/worker/running-task.ts";
import { taskRequest } from "./task-request.ts";

/** A task that runs since then, in milliseconds since the epoch. */
export function runningTask(id: string, task: string, startedAt: number): RunningTask {
  return {
    place: NOWHERE,
    taskId: id,
    request: taskRequest({ id, task }),
    queue: "celery",
    deliveries: 1,
    isAcknowledged: false,
    startedAt,
    end: () => undefined,
  };
}
