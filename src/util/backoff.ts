export interface BackoffOptions {
  /** The first delay, in milliseconds; it doubles with every retry. */
  readonly baseMs: number;
  /** No delay is longer, in milliseconds. */
  readonly maxMs: number;
  /** Whether a delay is drawn evenly from 0 to itself ("full jitter"), so that many retries do not come together. @default true */
  readonly jitter?: boolean;
  /** From 0 to below 1. @default Math.random */
  readonly random?: () => number;
}

/** How long to wait before retry number `retry`, in whole milliseconds; 0 is the first. */
export function exponentialBackoff(retry: number, options: BackoffOptions): number {
  const { baseMs, maxMs, jitter = true, random = Math.random } = options;
  const delayMs = Math.min(maxMs, baseMs * 2 ** retry);
  return Math.floor(jitter ? random() * delayMs : delayMs);
}
