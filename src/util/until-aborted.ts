import { onceOver } from "./ending.ts";

/** The outcome of `promise`, or a rejection with the signal's reason if that comes first. The work itself goes on. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const forget = onceOver({ signal }, reject);
    const answer = (value: T): void => {
      forget();
      resolve(value);
    };
    const fail = (error: unknown): void => {
      forget();
      reject(error);
    };
    promise.then(answer, fail);
  });
}
