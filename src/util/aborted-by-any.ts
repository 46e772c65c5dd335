import { onceOver } from "./ending.ts";

/**
 * The outcome of `work`, which is given a signal that aborts as soon as one of `signals` does. For signals that live longer than the work: with
 * `AbortSignal.any`, Node 20 keeps an entry for each call in every one of them.
 */
export async function abortedByAny<T>(
  signals: readonly AbortSignal[],
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const forget = signals.map((signal) => onceOver({ signal }, (reason) => controller.abort(reason)));
  try {
    return await work(controller.signal);
  } finally {
    for (const stop of forget) stop();
  }
}
