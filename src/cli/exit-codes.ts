import { ConfigError } from "../app/config-error.ts";
import { InvalidArgumentsError, InvalidSendOptionsError, UnknownQueueError } from "../app/errors.ts";
import { ResultTimeoutError, TaskFailedError, TaskRevokedError } from "../result/errors.ts";
import { PendingResultError, UsageError } from "./errors.ts";

/** What the process exits with. Scripts rely on these. */
export const EXIT = { ok: 0, failed: 1, usage: 2, taskFailed: 3, taskRevoked: 4, notInTime: 5, unfinished: 6 } as const;

/** For the end of `--help`. */
export const EXIT_CODES_HELP = `
Exit codes:
  0  done
  1  failed: the broker is away, the app cannot be imported …
  2  wrong usage or configuration
  3  the task failed
  4  the task was revoked, or expired before it could start
  5  the task had not ended, or no worker had answered, when the time to wait was over
  6  the worker stopped, and handed back tasks that it had not finished`;

const USAGE_ERRORS = [UsageError, ConfigError, InvalidArgumentsError, InvalidSendOptionsError, UnknownQueueError];

export function exitCodeOf(error: unknown): number {
  if (error instanceof TaskFailedError) return EXIT.taskFailed;
  if (error instanceof TaskRevokedError) return EXIT.taskRevoked;
  if (error instanceof ResultTimeoutError || error instanceof PendingResultError) return EXIT.notInTime;
  return USAGE_ERRORS.some((usageError) => error instanceof usageError) ? EXIT.usage : EXIT.failed;
}
