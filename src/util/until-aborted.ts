import type { Abortable } from "./abortable.ts";
import { onceOver } from "./ending.ts";

/** The outcome of `promise`, or a rejection with the signal's reason if that comes first. The work itself goes on. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return signal === undefined ? promise : untilOver({ signal }, promise);
}

/** The same of whatever may be given up. */
export function untilOver<T>(until: Abortable, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const forget = onceOver(until, reject);
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
