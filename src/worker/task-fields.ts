import type { TaskRequest } from "../message/task-request.ts";
import type { LogFields } from "../util/logger.ts";

export type LoggedTask = Pick<TaskRequest, "task" | "shadow" | "id">;

/** What every log line of a task tells. */
export function taskFields({ task, shadow, id }: LoggedTask, more: LogFields = {}): LogFields {
  return { task: shadow ?? task, id, ...more };
}
