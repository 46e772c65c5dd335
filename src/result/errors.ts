import { describeFailure, type Failure } from "../backend/failure.ts";
import { CeleriacError } from "../util/errors.ts";

/** The task failed where it ran; here is what it threw, in whatever language. */
export class TaskFailedError extends CeleriacError {
  readonly code = "CELERIAC_TASK_FAILED";
  readonly taskId: string;
  /** Class of the error where it was thrown: `ValueError`. */
  readonly remoteType: string;
  /** Module or language of that class: `builtins`. */
  readonly remoteModule: string;
  /** What that error was made with; usually one message. */
  readonly remoteArgs: readonly unknown[];
  readonly traceback: string | null;

  constructor(taskId: string, failure: Failure) {
    super(describeFailure(failure));
    this.taskId = taskId;
    this.remoteType = failure.exc_type;
    this.remoteModule = failure.exc_module;
    this.remoteArgs = failure.exc_message;
    this.traceback = failure.traceback;
  }
}

/** The task was revoked, or expired before it could start: it did not run to its end. */
export class TaskRevokedError extends CeleriacError {
  readonly code = "CELERIAC_TASK_REVOKED";
  readonly taskId: string;
  /** `revoked`, `terminated`, `expired`, or `discarded` by its concurrency key. */
  readonly reason: string;

  constructor(taskId: string, reason: string) {
    super(`The task ${taskId} did not run to its end: ${reason}.`);
    this.taskId = taskId;
    this.reason = reason;
  }
}

/** The task, or a group's tasks, had not ended when the time to wait was over; they go on regardless. */
export class ResultTimeoutError extends CeleriacError {
  readonly code = "CELERIAC_RESULT_TIMEOUT";
  /** Id of the task, or of the group. */
  readonly taskId: string;
  readonly timeoutMs: number;

  constructor(taskId: string, timeoutMs: number, what: "task" | "group" = "task") {
    super(`The ${what} ${taskId} did not end within ${String(timeoutMs)} ms.`);
    this.taskId = taskId;
    this.timeoutMs = timeoutMs;
  }
}
