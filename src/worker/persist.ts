import { AppClosedError } from "../app/errors.ts";
import { ResultBackendUnavailableError } from "../backend/errors.ts";
import type { DeadLetterReason, Delivery } from "../broker/broker.ts";
import { BrokerUnavailableError, DeliveryLostError } from "../broker/errors.ts";
import { abortedByAny } from "../util/aborted-by-any.ts";
import { CeleriacError } from "../util/errors.ts";
import { exponentialBackoff } from "../util/backoff.ts";
import type { WorkerParts } from "./parts.ts";

const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 5_000;

/** The worker has stopped waiting: what is not settled yet runs again elsewhere. */
export class WorkerStoppedError extends CeleriacError {
  readonly code = "CELERIAC_WORKER_STOPPED";
  /** What one of its tasks may have done to make it stop. */
  readonly fault: DeadLetterReason | undefined;
  constructor(hostname: string, fault?: DeadLetterReason) {
    super(`The worker ${hostname} stops and waits no longer; what it had not settled runs again.`);
    this.fault = fault;
  }
}

/** Another member of a task's chord is about to send the body: should it fail to, this one must. */
export class ChordClaimedError extends CeleriacError {
  readonly code = "CELERIAC_CHORD_CLAIMED";
  constructor(chordId: string) {
    super(`The chord ${chordId} is complete, and another worker is about to send its body; waiting until it has.`);
  }
}

/**
 * Does a step of settling until it is done: a broker or backend that is away comes back. Rejects with DeliveryLostError once
 * the lease is lost, with the step's error once the worker gives up, and at once with an error that would only come again.
 */
export function persist<T>(step: () => Promise<T>, parts: PersistParts, delivery: Held): Promise<T> {
  return persistAndThen(step, parts, delivery, (done) => done);
}

/** As `persist`, with what comes next, at one promise less. */
export function persistAndThen<T, R>(
  step: () => Promise<T>,
  parts: PersistParts,
  delivery: Held,
  next: (done: T) => R | Promise<R>,
): Promise<R> {
  if (delivery.isLost) return Promise.reject(delivery.lost.reason as Error);
  const again = (error: unknown): Promise<R> => persistAfter(error, step, parts, delivery).then(next);
  try {
    return step().then(next, again);
  } catch (error) {
    return again(error);
  }
}

async function persistAfter<T>(
  failure: unknown,
  step: () => Promise<T>,
  { clock, log, giveUp }: PersistParts,
  delivery: Held,
): Promise<T> {
  let error = failure;
  for (let tries = 0; ; tries += 1) {
    if (!isPassing(error) || giveUp.aborted) throw error;
    if (tries === 0) log.warn("waiting to settle a task", { error: (error as Error).message });
    const delayMs = exponentialBackoff(tries, { baseMs: FIRST_DELAY_MS, maxMs: LONGEST_DELAY_MS });
    await abortedByAny([delivery.lost, giveUp], (signal) => clock.sleep(delayMs, { signal })).catch(() => undefined);
    delivery.lost.throwIfAborted();
    try {
      return await step();
    } catch (next) {
      error = next;
    }
  }
}

type PersistParts = Pick<WorkerParts, "clock" | "log" | "giveUp">;

/** For how long a step is ours to do. */
export type Held = Pick<Delivery, "isLost" | "lost">;

/** Whether a step may succeed when it is tried again, here or elsewhere; all else would only fail again. */
export function isPassing(error: unknown): boolean {
  return (
    error instanceof BrokerUnavailableError ||
    error instanceof ResultBackendUnavailableError ||
    error instanceof DeliveryLostError ||
    error instanceof AppClosedError ||
    error instanceof WorkerStoppedError ||
    error instanceof ChordClaimedError
  );
}
