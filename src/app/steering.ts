import type { SignatureDict } from "../message/task-request.ts";
import type { RetryChanges } from "../pool/pool.ts";
import { CeleriacError } from "../util/errors.ts";

/** What `throw ctx.retry({…})` may say. */
export interface RetryOptions extends RetryChanges {
  /** Time until the next run, in milliseconds. @default the task's retry delay or backoff */
  readonly delayMs?: number;
  /** Most retries from here on, in place of the task's own `maxRetries`; null for no limit. */
  readonly maxRetries?: number | null;
  /** Why: shown as the RETRY state's result, and thrown when no retry is left. */
  readonly error?: unknown;
}

/** Thrown by a task to run again later. Made by `ctx.retry()`. Celery: `celery.exceptions.Retry`. */
export class Retry extends CeleriacError {
  readonly code = "CELERIAC_RETRY";
  readonly options: RetryOptions;
  constructor(options: RetryOptions = {}) {
    super("The task asks to be retried.", { cause: options.error });
    this.options = options;
  }
}

/** Thrown by a task to have another canvas take its place. Made by `ctx.replace()`. Celery: `celery/app/task.py:Task.replace`. */
export class Replace extends CeleriacError {
  readonly code = "CELERIAC_REPLACE";
  readonly by: SignatureDict;
  constructor(by: SignatureDict) {
    super("The task asks to be replaced.");
    this.by = by;
  }
}

/** A task cannot be replaced by this. Celery: `celery.exceptions.ImproperlyConfigured`. */
export class BadReplacementError extends CeleriacError {
  readonly code = "CELERIAC_BAD_REPLACEMENT";
}

/** A task that is in no chord cannot add to one. */
export class NotInChordError extends CeleriacError {
  readonly code = "CELERIAC_NOT_IN_CHORD";
  constructor(task: string, id: string) {
    super(`${task}[${id}] is a member of no chord, so it cannot add another to it.`);
  }
}

/** Thrown by a task to end with no result stored at all. Celery: `celery.exceptions.Ignore`. */
export class Ignore extends CeleriacError {
  readonly code = "CELERIAC_IGNORE";
  constructor() {
    super("The task asks that its result be ignored.");
  }
}

/** Thrown by a task to refuse its message: back to the queue, or to the dead letters. Celery: `celery.exceptions.Reject`. */
export class Reject extends CeleriacError {
  readonly code = "CELERIAC_REJECT";
  readonly reason: string;
  readonly requeue: boolean;
  constructor(reason: string, options: { readonly requeue?: boolean } = {}) {
    super(`The task rejects its message: ${reason}`);
    this.reason = reason;
    this.requeue = options.requeue ?? false;
  }
}

/** No retry is left and the task gave no error of its own. Celery: `celery.exceptions.MaxRetriesExceededError`. */
export class MaxRetriesExceededError extends CeleriacError {
  readonly code = "CELERIAC_MAX_RETRIES_EXCEEDED";
  constructor(task: string, id: string, retries: number) {
    super(`Can't retry ${task}[${id}]: it was retried ${String(retries)} times already.`);
  }
}

/** The reason of the task's signal once its soft time limit is over. Celery: `billiard.exceptions.SoftTimeLimitExceeded`. */
export class SoftTimeLimitExceededError extends CeleriacError {
  readonly code = "CELERIAC_SOFT_TIME_LIMIT_EXCEEDED";
  constructor(limitMs: number) {
    super(`The soft time limit of ${String(limitMs / 1000)} s is over.`);
  }
}

/** The body returned after its run had been given up, at its hard time limit or by the worker: its resources are rolled back. */
export class AbandonedRunError extends CeleriacError {
  readonly code = "CELERIAC_ABANDONED_RUN";
  constructor(task: string, id: string) {
    super(`${task}[${id}] returned after its run had been given up; what it did is rolled back.`);
  }
}
