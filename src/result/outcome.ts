import { readFailure } from "../backend/failure.ts";
import type { TaskMeta } from "../backend/task-meta.ts";
import { TaskFailedError, TaskRevokedError } from "./errors.ts";

/** How something ended that is waited for. */
export type Outcome<Value = unknown> =
  | { readonly status: "fulfilled"; readonly value: Value }
  | { readonly status: "rejected"; readonly reason: TaskFailedError | TaskRevokedError };

/** How a task ended. */
export function outcomeOf({ taskId, state, result, traceback }: TaskMeta): Outcome {
  if (state === "SUCCESS") return { status: "fulfilled", value: result };
  const failure = readFailure(result, traceback);
  if (state !== "REVOKED") return { status: "rejected", reason: new TaskFailedError(taskId, failure) };
  const [reason] = failure.exc_message;
  const why = typeof reason === "string" ? reason : "revoked";
  return { status: "rejected", reason: new TaskRevokedError(taskId, why) };
}

/** Throws what it was rejected with. */
export function valueOf<Value>(outcome: Outcome<Value>): Value {
  if (outcome.status === "rejected") throw outcome.reason;
  return outcome.value;
}
