import type { DeadLetter } from "../broker/broker.ts";
import { ResultTimeoutError } from "../result/errors.ts";
import { CeleriacError } from "../util/errors.ts";

/** The command line says something that cannot be done. */
export class UsageError extends CeleriacError {
  readonly code = "CELERIAC_USAGE";
}

/** The app that `-A` names cannot be had. */
export class AppLoadError extends CeleriacError {
  readonly code = "CELERIAC_APP_LOAD";
}

/** The result was asked for without waiting, and there is none yet. */
export class PendingResultError extends CeleriacError {
  readonly code = "CELERIAC_PENDING_RESULT";
  constructor(taskId: string, state: string) {
    super(`The task ${taskId} has not ended: ${state}. Wait for it with --wait SECONDS.`);
  }
}

/** The time to wait was over, and nobody takes what was sent. */
export class UnconsumedCallError extends ResultTimeoutError {
  constructor({ taskId, timeoutMs }: ResultTimeoutError, queue: string) {
    super(taskId, timeoutMs);
    this.message += ` No Celeriac worker consumes "${queue}".`;
  }
}

/** The time to wait was over, and what was sent is a dead letter. */
export class DeadCallError extends ResultTimeoutError {
  constructor({ taskId, timeoutMs }: ResultTimeoutError, { id, reason }: DeadLetter) {
    super(taskId, timeoutMs);
    this.message += ` It is dead letter ${id} (${reason.code}: ${reason.detail}): see celeriac dead-letters show ${id}.`;
  }
}

/** A queue that was named is not there. */
export class NoSuchQueueError extends CeleriacError {
  readonly code = "CELERIAC_NO_SUCH_QUEUE";
  constructor(queue: string, known: readonly string[]) {
    super(`There is no queue "${queue}"; there are ${known.join(", ")}.`);
  }
}

/** An id that was given names no dead letter. */
export class NoSuchDeadLetterError extends CeleriacError {
  readonly code = "CELERIAC_NO_SUCH_DEAD_LETTER";
  constructor(ids: readonly string[]) {
    super(`There is no dead letter ${ids.join(", ")}.`);
  }
}
