import type { TaskRequest } from "../message/task-request.ts";
import type { WorkerParts } from "./parts.ts";

/** Whether no result of a call is stored: a call that says nothing of it leaves it to its task. Celery: `celery/app/task.py:get_actual_ignore_result`. */
export function ignoresResult(
  { task, ignoreResult }: TaskRequest,
  { tasks, config }: Pick<WorkerParts, "tasks" | "config">,
): boolean {
  return ignoreResult ?? tasks.get(task)?.options.ignoreResult ?? config.taskIgnoreResult;
}
