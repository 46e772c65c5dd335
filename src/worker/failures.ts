import type { Failure } from "../backend/failure.ts";

/** Its worker, thread or process died with it, time and again. Celery: `billiard.exceptions.WorkerLostError`. */
export function workerLost(why: string): Failure {
  return { exc_type: "WorkerLostError", exc_message: [why], exc_module: "billiard.exceptions", traceback: null };
}

export function handedOutTooOften(times: number): Failure {
  return workerLost(`It was handed out ${String(times)} times before, and no worker came to an end with it.`);
}

/** Celery: `celery/worker/request.py:Request.on_timeout`. Its one argument is in seconds: Python shows `TimeLimitExceeded(5,)`. */
export function timeLimitExceeded(limitMs: number): Failure {
  const seconds = limitMs / 1000;
  return { exc_type: "TimeLimitExceeded", exc_message: [seconds], exc_module: "billiard.exceptions", traceback: null };
}

/** Celery: `celery/backends/base.py:DisabledBackend`. */
export function needsResults(why: string): Failure {
  const message = `The task was not run: ${why}, and this worker has no result backend. Give it one, or send it where there is one.`;
  return { exc_type: "NotImplementedError", exc_message: [message], exc_module: "builtins", traceback: null };
}
