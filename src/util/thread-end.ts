/** How a thread of ours ends: by itself. One that is ended from outside while better-sqlite3 is about to throw takes the whole process with it. */
import type { Worker } from "node:worker_threads";
import { atMost } from "./at-most.ts";
import { systemClock, type Clock } from "./clock.ts";

/** How much longer than it may take a thread that does not end is waited for, in milliseconds. */
const PATIENCE_MS = 2_000;

/** For the thread itself: ends it once `closing` has come to its end, after `ms` milliseconds at the latest. */
export async function endThread(closing: Promise<unknown>, ms: number): Promise<never> {
  await atMost(ms, Promise.allSettled([closing]), systemClock);
  process.exit(); // this thread: a driver's timers may keep it otherwise
}

/** For who has told it to end, which it does within `ms` milliseconds: resolves once it has. One that is stuck is ended then. */
export async function threadEnd(worker: Worker, ms: number, clock: Clock): Promise<void> {
  const exited = new Promise((resolve) => worker.once("exit", resolve));
  await atMost(ms + PATIENCE_MS, exited, clock);
  await worker.terminate();
}
