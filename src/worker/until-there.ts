import { ResultBackendUnavailableError } from "../backend/errors.ts";
import { BrokerUnavailableError } from "../broker/errors.ts";
import { exponentialBackoff } from "../util/backoff.ts";
import type { Clock } from "../util/clock.ts";
import type { Logger } from "../util/logger.ts";

const RETRY = { baseMs: 100, maxMs: 2_000 } as const;

export interface UntilThereOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Ends the wait with its reason. */
  readonly signal: AbortSignal;
}

/** What `open` opens, as soon as it is there. Tells once what it waits for, again when the reason is another. Rejects at once where waiting would not help. */
export async function untilThere<T>(open: () => Promise<T>, { clock, log, signal }: UntilThereOptions): Promise<T> {
  let told: string | undefined;
  for (let tries = 0; ; tries += 1) {
    try {
      return await open();
    } catch (error) {
      signal.throwIfAborted();
      if (!isAway(error)) throw error;
      if (error.message !== told) log.warn("not available, waiting for it to come", { error: error.message });
      told = error.message;
    }
    await clock.sleep(exponentialBackoff(tries, RETRY), { signal });
  }
}

function isAway(error: unknown): error is BrokerUnavailableError | ResultBackendUnavailableError {
  const isUnavailable = error instanceof BrokerUnavailableError || error instanceof ResultBackendUnavailableError;
  return isUnavailable && error.mayComeBack;
}
