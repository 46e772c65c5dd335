import { keysOf, unknownKey } from "./known-keys.ts";

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
  /** The delay that an error itself asks for, such as an HTTP `Retry-After`, in milliseconds; undefined for the policy's own. @default none */
  readonly retryDelayFrom?: (error: unknown, retries: number) => number | undefined;
}

/** The names of all its properties. */
export const RETRY_POLICY_NAMES: Readonly<Record<keyof RetryPolicy, true>> = {
  maxRetries: true,
  autoretryFor: true,
  dontAutoretryFor: true,
  retryDelayMs: true,
  retryBackoffMs: true,
  retryBackoffMaxMs: true,
  retryJitter: true,
  retryDelayFrom: true,
};

const RETRY_POLICY = keysOf<RetryPolicy>(RETRY_POLICY_NAMES);

const DURATIONS = ["retryDelayMs", "retryBackoffMs", "retryBackoffMaxMs"] as const;

/** What is wrong with a policy, as a sentence; undefined when it is fine. For what the compiler cannot check. */
export function faultOfRetryPolicy(policy: RetryPolicy): string | undefined {
  for (const name of DURATIONS) {
    const value: unknown = policy[name];
    if (value !== undefined && !(typeof value === "number" && value >= 0))
      return `${name} must be a number of milliseconds.`;
  }
  const maxRetries: unknown = policy.maxRetries;
  if (maxRetries !== undefined && maxRetries !== null && !(Number.isInteger(maxRetries) && Number(maxRetries) >= 0)) {
    return "maxRetries must be a whole number of at least 0, or null for no limit.";
  }
  return undefined;
}

/** As `faultOfRetryPolicy`, for a policy that stands alone: it may have no other keys. */
export function faultOfLoneRetryPolicy(policy: object): string | undefined {
  const unknown = unknownKey(policy, RETRY_POLICY);
  return unknown === undefined ? faultOfRetryPolicy(policy) : `unknown key ${unknown}`;
}

/** Whether a policy retries an error without the task saying so. Throws what a test of the policy throws. */
export function isAutoretried({ autoretryFor = [], dontAutoretryFor = [] }: RetryPolicy, error: unknown): boolean {
  const matches = (matcher: ErrorMatcher): boolean => matchesError(matcher, error);
  return autoretryFor.some(matches) && !dontAutoretryFor.some(matches);
}

function matchesError(matcher: ErrorMatcher, error: unknown): boolean {
  if (isErrorClass(matcher)) return error instanceof matcher;
  return matcher(error);
}

function isErrorClass(matcher: ErrorMatcher): matcher is abstract new (...args: never[]) => Error {
  const prototype: unknown = matcher.prototype;
  return matcher === Error || prototype instanceof Error;
}
