import { exponentialBackoff } from "../util/backoff.ts";

/** A class whose instances are meant, or a test. */
export type ErrorMatcher = (abstract new (...args: never[]) => Error) | ((error: unknown) => boolean);

/** When and how soon a task runs again after an error. Celery: `autoretry_for`, `retry_backoff` and their kin. */
export interface RetryPolicy {
  /** Most retries, so most runs less one; null for no limit. @default 3 (`taskMaxRetries`) */
  readonly maxRetries?: number | null;
  /** Errors that are retried without the task saying so. @default none */
  readonly autoretryFor?: readonly ErrorMatcher[];
  /** Errors that are never retried, though `autoretryFor` names them. @default none */
  readonly dontAutoretryFor?: readonly ErrorMatcher[];
  /** Delay before a retry without backoff, in milliseconds. @default 180_000 (`taskDefaultRetryDelay`) */
  readonly retryDelayMs?: number;
  /** First delay of an exponential backoff, in milliseconds; it doubles with every retry. @default no backoff */
  readonly retryBackoffMs?: number;
  /** Longest delay of the backoff, in milliseconds. @default 600_000 */
  readonly retryBackoffMaxMs?: number;
  /** Whether a backoff delay is drawn from 0 to itself, so that failures do not come back all at once. @default true */
  readonly retryJitter?: boolean;
}

const DEFAULT_BACKOFF_MAX_MS = 600_000;

/** Whether an error that the task threw is retried by rule. */
export function isAutoretried(policy: RetryPolicy, error: unknown): boolean {
  const matches = (matcher: ErrorMatcher): boolean => matchesError(matcher, error);
  return (policy.autoretryFor ?? []).some(matches) && !(policy.dontAutoretryFor ?? []).some(matches);
}

/** Milliseconds until retry number `retries` + 1. */
export function retryDelayMs(policy: RetryPolicy, retries: number, defaultDelayMs: number): number {
  if (policy.retryBackoffMs === undefined) return policy.retryDelayMs ?? defaultDelayMs;
  return exponentialBackoff(retries, {
    baseMs: policy.retryBackoffMs,
    maxMs: policy.retryBackoffMaxMs ?? DEFAULT_BACKOFF_MAX_MS,
    jitter: policy.retryJitter ?? true,
  });
}

function matchesError(matcher: ErrorMatcher, error: unknown): boolean {
  if (isErrorClass(matcher)) return error instanceof matcher;
  return matcher(error);
}

function isErrorClass(matcher: ErrorMatcher): matcher is abstract new (...args: never[]) => Error {
  const prototype: unknown = matcher.prototype;
  return matcher === Error || prototype instanceof Error;
}
