import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { Celeriac, type Task } from "celeriac";
import { Worker } from "celeriac/worker";
import { rawDrain, rawSend } from "./raw-sqlite.ts";
import { inFlight, rateOf, type Scenario } from "./scenario.ts";
import { quantile } from "./stats.ts";

const SENDS = 20_000;
const SINGLE_SENDS = 2_000;
const DRAINED = 20_000;
const CONCURRENCY = 100;
const BATCH = 100;
const LATENCY_SAMPLES = 200;
const LATENCY_PAUSE_MS = 15;

/** A 101-byte JSON argument. */
const ARGUMENT = "x".repeat(99);

type Noop = Task<[argument: string], [], null>;

function openApp(directory: string): { readonly app: Celeriac; readonly noop: Noop } {
  const url = `sqlite:${join(directory, "bench.db")}`;
  const app = new Celeriac({ broker: url, resultBackend: url, taskPublishTimeoutMs: 60_000 }, { env: {} });
  return { app, noop: app.task("bench.noop", (_argument: string) => null) };
}

async function send(directory: string, count: number, width: number): Promise<number> {
  const { app, noop } = openApp(directory);
  await noop.delay(ARGUMENT); // connected
  const rate = await rateOf(count, () => inFlight(count, width, () => noop.delay(ARGUMENT)));
  await app.close();
  return rate;
}

async function sendBatches(directory: string, count: number): Promise<number> {
  const { app, noop } = openApp(directory);
  await noop.delay(ARGUMENT);
  const rate = await rateOf(count, () =>
    inFlight(count / BATCH, 1, () => app.sendBatch(Array.from({ length: BATCH }, () => noop.s(ARGUMENT)))),
  );
  await app.close();
  return rate;
}

async function drain(directory: string, count: number): Promise<number> {
  const { app } = openApp(directory);
  let left = count;
  let finish: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const job = app.task("bench.job", (_argument: string) => {
    left -= 1;
    if (left === 0) finish();
    return null;
  });
  for (let sent = 0; sent < count; sent += 1_000) {
    await app.sendBatch(Array.from({ length: 1_000 }, () => job.s(ARGUMENT)));
  }
  const worker = new Worker(app, { concurrency: CONCURRENCY });
  const rate = await rateOf(count, async () => {
    await worker.start();
    await finished;
    await worker.stop();
  });
  await app.close();
  return rate;
}

/** From the send in this process to the first line of the task in another, over an idle worker; a quantile of many, in milliseconds. */
async function latency(directory: string, q: number): Promise<number> {
  const child = spawn(process.execPath, [...process.execArgv, join(import.meta.dirname, "idle-worker.ts")], {
    env: {
      ...process.env,
      CELERY_BROKER_URL: `sqlite:${join(directory, "bench.db")}`,
      CELERY_RESULT_BACKEND: `sqlite:${join(directory, "bench.db")}`,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  const { app } = openApp(directory);
  const started = app.stub<(argument: string) => string>("bench.startedAt");
  const samples: number[] = [];
  for (let i = 0; i < LATENCY_SAMPLES; i += 1) {
    await new Promise((resolve) => setTimeout(resolve, LATENCY_PAUSE_MS + Math.random() * LATENCY_PAUSE_MS));
    const sentAt = process.hrtime.bigint();
    const result = await started.delay(ARGUMENT);
    const startedAt = BigInt(await result.get({ timeoutMs: 10_000 }));
    samples.push(Number(startedAt - sentAt) / 1e6);
  }
  await app.close();
  child.kill("SIGTERM");
  await once(child, "exit");
  return quantile(
    samples.sort((a, b) => a - b),
    q,
  );
}

const sendScenario = (count: number, width: number): Scenario => ({
  name: `send, ${String(width)} in flight, each durable`,
  unit: "per second",
  contenders: [
    { name: `raw SQLite, ${String(width)} a transaction`, measure: (directory) => rawSend(directory, count, width) },
    { name: "Celeriac", measure: (directory) => send(directory, count, width) },
  ],
});

export const SQLITE_SCENARIOS: readonly Scenario[] = [
  sendScenario(SINGLE_SENDS, 1),
  sendScenario(SENDS, 10),
  sendScenario(SENDS, 100),
  {
    name: `send, batches of ${String(BATCH)}`,
    unit: "per second",
    contenders: [
      { name: `raw SQLite, ${String(BATCH)} a transaction`, measure: (directory) => rawSend(directory, SENDS, BATCH) },
      { name: "Celeriac", measure: (directory) => sendBatches(directory, SENDS) },
    ],
  },
  {
    name: `drain ${String(DRAINED)} with results, ${String(CONCURRENCY)} at once`,
    unit: "per second",
    contenders: [
      {
        name: `raw SQLite, ${String(CONCURRENCY)} a transaction`,
        measure: (directory) => rawDrain(directory, DRAINED, CONCURRENCY),
      },
      { name: "Celeriac", measure: (directory) => drain(directory, DRAINED) },
    ],
  },
  ...([0.5, 0.95, 0.99] as const).map((q): Scenario => ({
    name: `idle latency between processes, p${String(q * 100)}`,
    unit: "ms",
    contenders: [{ name: "Celeriac", measure: (directory) => latency(directory, q) }],
  })),
];
