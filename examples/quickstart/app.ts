import { setTimeout } from "node:timers/promises";
import { Celeriac } from "celeriac";

/** `-b`, `--result-backend` and CELERY_BROKER_URL, CELERY_RESULT_BACKEND beat what stands here. */
export const app = new Celeriac({
  name: "quickstart",
  broker: "sqlite:celeriac.db",
  resultBackend: "sqlite:celeriac.db",
});

export const add = app.task("quickstart.add", { params: ["x", "y"] }, (x: number, y: number) => x + y);

export const greet = app.task("quickstart.greet", { params: ["name"] }, (name: string) => `Hello ${name}!`);

/** Waits without keeping other tasks from running. Ends early when the worker can wait no longer. */
export const sleep = app.task(
  "quickstart.sleep",
  { bind: true, params: ["seconds"] },
  async (task, seconds: number) => {
    await setTimeout(seconds * 1000, undefined, { signal: task.signal });
    return seconds;
  },
);

/** Computes without a pause: nothing else runs on its thread meanwhile. */
export const spin = app.task("quickstart.spin", { params: ["seconds"] }, (seconds: number) => {
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end);
  return seconds;
});

export const fail = app.task("quickstart.fail", { params: ["message"] }, (message: string): never => {
  throw new Error(message);
});

/** Fails so many times, each time asking to be run again soon; then tells how often it was retried. */
export const flaky = app.task("quickstart.flaky", { bind: true, params: ["times"] }, (task, times: number) => {
  if (task.retries < times) {
    throw task.retry({ delayMs: 200, maxRetries: null, error: new Error(`run ${String(task.retries + 1)} failed`) });
  }
  return task.retries;
});

/** Kills the process that runs it, as running out of memory would. */
export const crash = app.task("quickstart.crash", { params: [] }, (): void => {
  process.kill(process.pid, "SIGKILL");
});
