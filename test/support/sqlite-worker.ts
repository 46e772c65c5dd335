/**
 * A worker with results on an SQLite file, without a thread for its liveness, in a process of its own: `sqlite-worker.ts PATH [WINDOW_MS]`. It tells when each task starts and, for
 * each window of time, what it took of a core.
 */
import { Celeriac } from "celeriac";
import { sqlite } from "celeriac/sqlite";
import { Worker } from "celeriac/worker";
import { systemClock as clock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";

export const TASK = "tellStart";

/** `at` is in milliseconds since the epoch, with fractions. */
export type WorkerNews =
  { readonly ready: true } | { readonly started: string; readonly at: number } | { readonly cpuShare: number };

function tell(news: WorkerNews): void {
  process.send?.(news);
}

async function cpuShareOver(ms: number): Promise<number> {
  const [cpu, start] = [process.cpuUsage(), performance.now()];
  await clock.sleep(ms);
  const { user, system } = process.cpuUsage(cpu);
  return (user + system) / 1_000 / (performance.now() - start);
}

const [path, windowMs = "0"] = process.argv.slice(2);
if (path !== undefined) {
  const adapter = sqlite({ path });
  const app = new Celeriac({ broker: adapter, resultBackend: adapter }, { env: {}, log });
  app.task(TASK, (text: string) => tell({ started: text, at: performance.timeOrigin + performance.now() }));
  await new Worker(app, { livenessThread: false }).start();
  tell({ ready: true });
  // What starting takes is not to be counted.
  await clock.sleep(1_000);
  while (Number(windowMs) > 0) tell({ cpuShare: await cpuShareOver(Number(windowMs)) });
}
