/** The app of the soak: its process tells of its memory in the file that `CHAOS_SAMPLES` names. */
import { appendFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
import { Celeriac } from "celeriac";

export const SAMPLE_MS = 5_000;

/** What one process used at one moment, in bytes; `at` in milliseconds since the epoch. */
export interface MemorySample {
  readonly pid: number;
  readonly at: number;
  readonly rss: number;
  readonly heap: number;
}

/** Results are kept for less than the time between two rounds of maintenance, so that there is something to be deleted in each. */
export const app: Celeriac = new Celeriac({ resultExpires: "20s" });

export const noop = app.task("noop", (_argument: string) => null);

const samples = process.env["CHAOS_SAMPLES"];
if (samples !== undefined && isMainThread) {
  const tell = (): void => {
    const { rss, heapUsed: heap } = process.memoryUsage();
    const sample: MemorySample = { pid: process.pid, at: Date.now(), rss, heap };
    appendFileSync(samples, `${JSON.stringify(sample)}\n`);
  };
  setInterval(tell, SAMPLE_MS).unref();
}
