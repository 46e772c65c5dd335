import type { TaskRequest } from "../message/task-request.ts";
import type { LogFields } from "../util/logger.ts";

/** What every log line of a task tells. */
export function taskFields({ task, shadow, id }: TaskRequest, more: LogFields = {}): LogFields {
  return { task: shadow ?? task, id, ...more };
}
