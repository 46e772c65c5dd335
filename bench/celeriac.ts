import { statSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "celeriac/worker";
import { openApp, type AppOptions } from "./app.ts";
import { ARGUMENT, type Contender, type DrainLoad, type Figures, type Place, type SendLoad } from "./contender.ts";
import { drainInChild, startWorker } from "./draining.ts";
import { countdown, idleQuantiles, inBatches, inFlight, msUntil, pause, rateOf, warmRateOf } from "./load.ts";

const WORKER = "./celeriac-worker.ts";
/** How many are sent in one call where sending is not what is measured. */
const FILL = 500;

export const celeriac: Contender = {
  name: "Celeriac",
  measurements: { send, sendBatches, drain, idleLatency, growth, room },
};

async function send({ directory }: Place, { count, inFlight: width, synchronous }: SendLoad): Promise<Figures> {
  const { app, task } = openApp(directory, { synchronous });
  const rate = await warmRateOf(count, (some) => inFlight(some, width, () => task.delay(ARGUMENT)));
  await app.close();
  return { rate };
}

async function sendBatches({ directory }: Place, { count, size }: { count: number; size: number }): Promise<Figures> {
  const { app, task } = openApp(directory);
  const rate = await warmRateOf(count, (all) => inBatches(all, size, (some) => sendMany({ app, task }, some)));
  await app.close();
  return { rate };
}

async function drain({ directory }: Place, { waiting, concurrency, results }: DrainLoad): Promise<Figures> {
  await fill(directory, waiting, { results });
  return drainInChild(WORKER, { place: directory, concurrency, count: waiting, results });
}

async function idleLatency({ directory }: Place, { samples }: { samples: number }): Promise<Figures> {
  const { app, task } = openApp(directory);
  await using worker = await startWorker(WORKER, { place: directory, concurrency: 10, count: 0, results: "full" });
  await task.delay(ARGUMENT); // connected
  await worker.line();
  const latencies = await idleQuantiles(samples, async () => {
    const sentAt = process.hrtime.bigint();
    await task.delay(ARGUMENT);
    return msUntil(await worker.line(), sentAt);
  });
  await app.close();
  return latencies;
}

async function growth(
  { directory }: Place,
  { waiting, drained }: { waiting: number; drained: number },
): Promise<Figures> {
  await fill(directory, waiting, { results: "none" });
  const { tick, over } = countdown(drained);
  const { app, task } = openApp(directory, { results: "none", work: tick });
  const sent = await rateOf(drained, () => inFlight(drained, 100, () => task.delay(ARGUMENT)));
  const worker = new Worker(app, { concurrency: 100 });
  const done = await rateOf(drained, async () => {
    await worker.start();
    await over;
  });
  await worker.stop();
  await app.close();
  return { send: sent, drain: done };
}

async function room({ directory }: Place, { waiting, restMs }: { waiting: number; restMs: number }): Promise<Figures> {
  await fill(directory, waiting, { results: "none" });
  const full = sizeOf(directory);
  await drainInChild(WORKER, { place: directory, concurrency: 100, count: waiting, results: "none" });
  const { app } = openApp(directory);
  await app.broker();
  await pause(restMs); // the file is tended once a minute while it is open
  await app.close();
  return { waiting: full / waiting, after: sizeOf(directory) / 2 ** 20 };
}

async function fill(directory: string, count: number, options: AppOptions): Promise<void> {
  const opened = openApp(directory, { ...options, synchronous: "normal" });
  await inBatches(count, FILL, (some) => sendMany(opened, some));
  await opened.app.close();
}

function sendMany({ app, task }: ReturnType<typeof openApp>, count: number): Promise<unknown> {
  return app.sendBatch(Array.from({ length: count }, () => task.s(ARGUMENT)));
}

/** Of the closed file, in bytes. */
function sizeOf(directory: string): number {
  return statSync(join(directory, "bench.db")).size;
}
