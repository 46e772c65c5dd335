import { PublishTimeoutError } from "../app/errors.ts";
import { ResultBackendUnavailableError } from "../backend/errors.ts";
import { BrokerUnavailableError, DeliveryLostError } from "../broker/errors.ts";
import { exponentialBackoff } from "../util/backoff.ts";
import type { WorkerParts } from "./parts.ts";

const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 5_000;

/**
 * Does a step of settling until it is done: a broker or backend that is away comes back. Rejects with DeliveryLostError once
 * the lease is lost, and with the step's error once the worker gives up.
 */
export async function persist<T>(
  step: () => Promise<T>,
  { clock, log, giveUp }: WorkerParts,
  lost: AbortSignal,
): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await step();
    } catch (error) {
      if (!isPassing(error) || giveUp.aborted) throw error;
      if (tries === 0) log.warn("waiting to settle a task", { error: (error as Error).message });
      const delayMs = exponentialBackoff(tries, { baseMs: FIRST_DELAY_MS, maxMs: LONGEST_DELAY_MS });
      await clock.sleep(delayMs, { signal: AbortSignal.any([lost, giveUp]) }).catch(() => undefined);
      if (lost.aborted) throw lost.reason instanceof DeliveryLostError ? lost.reason : error;
    }
  }
}

function isPassing(error: unknown): boolean {
  return (
    error instanceof BrokerUnavailableError ||
    error instanceof ResultBackendUnavailableError ||
    error instanceof PublishTimeoutError
  );
}
