/** The outcome of `promise`, or a rejection with the signal's reason if that comes first. The work itself goes on. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort);
    const done = (): void => signal.removeEventListener("abort", abort);
    promise.then(resolve, reject).then(done, done);
  });
}
