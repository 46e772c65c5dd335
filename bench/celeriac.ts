import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { Worker } from "celeriac/worker";
import { ARGUMENT, openApp } from "./app.ts";
import { startChild } from "./child.ts";
import { idleQuantile, inFlight, rateOf } from "./scenario.ts";

export async function send(directory: string, count: number, width: number): Promise<number> {
  const { app, task } = openApp(directory);
  await task.delay(ARGUMENT); // connected
  const rate = await rateOf(count, () => inFlight(count, width, () => task.delay(ARGUMENT)));
  await app.close();
  return rate;
}

export async function sendBatches(directory: string, count: number, size: number): Promise<number> {
  const { app, task } = openApp(directory);
  await task.delay(ARGUMENT); // connected
  const batch = (): Promise<unknown> => app.sendBatch(Array.from({ length: size }, () => task.s(ARGUMENT)));
  const rate = await rateOf(count, () => inFlight(count / size, 1, batch));
  await app.close();
  return rate;
}

export async function drain(directory: string, count: number, concurrency: number): Promise<number> {
  let left = count;
  let finish: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const { app, task } = openApp(directory, () => {
    left -= 1;
    if (left === 0) finish();
  });
  await inFlight(count / concurrency, 1, () =>
    app.sendBatch(Array.from({ length: concurrency }, () => task.s(ARGUMENT))),
  );
  const worker = new Worker(app, { concurrency });
  const rate = await rateOf(count, async () => {
    await worker.start();
    await finished;
    await worker.stop();
  });
  await app.close();
  return rate;
}

/** From the send in this process to the first line of the task in another, over an idle worker; a quantile of many, in milliseconds. */
export async function idleLatency(directory: string, samples: number, q: number): Promise<number> {
  const url = `sqlite:${join(directory, "bench.db")}`;
  await using _worker = await startChild(fileURLToPath(import.meta.resolve("./idle-worker.ts")), {
    CELERY_BROKER_URL: url,
    CELERY_RESULT_BACKEND: url,
  });
  const { app } = openApp(directory);
  const started = app.stub<(argument: string) => string>("bench.startedAt");
  const latency = await idleQuantile(samples, q, async () => {
    const sentAt = process.hrtime.bigint();
    const result = await started.delay(ARGUMENT);
    return Number(BigInt(await result.get({ timeoutMs: 10_000 })) - sentAt) / 1e6;
  });
  await app.close();
  return latency;
}
