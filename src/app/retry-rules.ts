import { exponentialBackoff } from "../util/backoff.ts";
import { toError } from "../util/errors.ts";
import type { Logger } from "../util/logger.ts";
import type { ResolvedConfig } from "./config.ts";
import { isAutoretried, type RetryPolicy } from "./retry-policy.ts";

const DEFAULT_BACKOFF_MAX_MS = 600_000;

/** One line of a preview. */
export interface PreviewedRetry {
  /** 1 for the first. */
  readonly retry: number;
  /** The delay before it, at least and at most, in milliseconds: both the same without jitter. */
  readonly delayMs: readonly [least: number, most: number];
  /** The latest that it comes after the first run, in milliseconds, the runs themselves not counted. */
  readonly latestMs: number;
}

/** The retries of one task as they take effect: its own policy, completed by the app's `taskRetryPolicy` and defaults. */
export class RetryRules {
  /** Most retries of a call; null for no limit. */
  readonly maxRetries: number | null;
  readonly #policy: RetryPolicy;
  readonly #defaultDelayMs: number;
  readonly #random: () => number;

  /** `random` gives numbers from 0 to below 1, for the jitter. */
  constructor(
    own: RetryPolicy,
    { taskRetryPolicy, taskMaxRetries, taskDefaultRetryDelay }: ResolvedConfig,
    random: () => number,
  ) {
    this.#policy = merge(own, taskRetryPolicy);
    this.maxRetries = this.#policy.maxRetries === undefined ? taskMaxRetries : this.#policy.maxRetries;
    this.#defaultDelayMs = taskDefaultRetryDelay * 1000;
    this.#random = random;
  }

  /** Whether an error that the task threw is retried by rule. A test that throws matches nothing: the task's own error must not be lost to it. */
  appliesTo(error: unknown, log: Logger): boolean {
    try {
      return isAutoretried(this.#policy, error);
    } catch (fault) {
      log.error("a test in autoretryFor threw, so the error is not retried", { error: toError(fault).message });
      return false;
    }
  }

  /** Milliseconds until retry number `retries` + 1, after `error`. */
  delayMs(error: unknown, retries: number, log: Logger): number {
    return this.#askedDelayMs(error, retries, log) ?? this.#ruledDelayMs(retries, this.#random);
  }

  /** The delays of the first `count` retries, or of as many as there may be. What errors ask for themselves is not known here. */
  preview(count: number): readonly PreviewedRetry[] {
    const previewed: PreviewedRetry[] = [];
    let latestMs = 0;
    for (let retry = 0; retry < Math.min(count, this.maxRetries ?? Infinity); retry += 1) {
      const most = this.#ruledDelayMs(retry, () => 1);
      latestMs += most;
      previewed.push({ retry: retry + 1, delayMs: [this.#ruledDelayMs(retry, () => 0), most], latestMs });
    }
    return previewed;
  }

  #askedDelayMs(error: unknown, retries: number, log: Logger): number | undefined {
    try {
      const asked = this.#policy.retryDelayFrom?.(error, retries);
      return asked !== undefined && asked >= 0 ? asked : undefined;
    } catch (fault) {
      log.error("retryDelayFrom threw, so the policy's own delay is taken", { error: toError(fault).message });
      return undefined;
    }
  }

  #ruledDelayMs(retries: number, random: () => number): number {
    const { retryDelayMs, retryBackoffMs, retryBackoffMaxMs, retryJitter = true } = this.#policy;
    if (retryBackoffMs === undefined) return retryDelayMs ?? this.#defaultDelayMs;
    const maxMs = retryBackoffMaxMs ?? DEFAULT_BACKOFF_MAX_MS;
    return exponentialBackoff(retries, { baseMs: retryBackoffMs, maxMs, jitter: retryJitter, random });
  }
}

/** Key by key; but a task that says its delay and no backoff means that delay, and not the app's backoff. */
function merge(own: RetryPolicy, { retryBackoffMs, ...ofApp }: RetryPolicy): RetryPolicy {
  const backoff = retryBackoffMs === undefined || own.retryDelayMs !== undefined ? {} : { retryBackoffMs };
  return { ...ofApp, ...backoff, ...own };
}
