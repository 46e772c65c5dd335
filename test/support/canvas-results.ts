import type { ResultNode } from "../../src/backend/groups.ts";
import type { TaskMeta, TaskState } from "../../src/backend/task-meta.ts";

/** A task as a frozen canvas names it, after what stands before it in its chain. */
export function taskNode(id: string, parent: ResultNode | null = null): ResultNode {
  return { id, parent, members: null };
}

export function groupNode(id: string, members: readonly ResultNode[], parent: ResultNode | null = null): ResultNode {
  return { id, parent, members };
}

/** The record of a task that has succeeded, unless another state is named. */
export function metaOf(taskId: string, result: unknown = null, state: TaskState = "SUCCESS"): TaskMeta {
  return { taskId, state, result, traceback: null, doneAt: null, children: [], parentId: null, groupId: null };
}

/** The record of a task that has failed with a ValueError. */
export function failedMeta(taskId: string, message: string): TaskMeta {
  return metaOf(taskId, { exc_type: "ValueError", exc_message: [message], exc_module: "builtins" }, "FAILURE");
}

export function revokedMeta(taskId: string): TaskMeta {
  const failure = { exc_type: "TaskRevokedError", exc_message: ["revoked"], exc_module: "celery.exceptions" };
  return metaOf(taskId, failure, "REVOKED");
}
