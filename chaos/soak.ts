import { existsSync, readFileSync, statSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Celeriac, Signature } from "celeriac";
import { Pack } from "./pack.ts";
import { SAMPLE_MS, type MemorySample } from "./soak-app.ts";
import { trendOf, type Trend } from "./trend.ts";

const QUEUE = "celery";
const TASK = "noop";
const ARGUMENT = "x".repeat(99);
const COMMAND = join(import.meta.dirname, "../dist/cli/main.js");
const APP = join(import.meta.dirname, "soak-app.ts");
/** Calls in one send. */
const AT_ONCE = 100;
/** The sender waits while so many messages are ready: what waits would be measured too. */
const LONGEST_BACKLOG = 5_000;
/** Delays are spread evenly up to this, in milliseconds. */
const LONGEST_DELAY_MS = 60_000;
/** Until delays, expiries and maintenance have come round, in milliseconds. */
const WARM_UP_MS = 120_000;
const FEWEST_SAMPLES = 12;
/**
 * Between two rounds of maintenance the file grows by the results that expire, and between two collections the heap by garbage: of each so
 * long a time the largest file counts, and the smallest heap.
 */
const ROUND_MS = 60_000;
const LOOK_MS = 200;
const MB = 1024 * 1024;

/** By how much each may rise from the end of the warm-up to the end, along the line that fits best, in bytes. */
const BOUNDS: Readonly<Record<Measured, number>> = { rss: 16 * MB, heap: 8 * MB, file: 32 * MB };

/** The worker's memory, and the database file with its log. */
export type Measured = "rss" | "heap" | "file";

/** In bytes; `at` in milliseconds since the epoch. */
export type Sample = Readonly<Record<Measured | "at", number>>;

export interface SoakOptions {
  readonly tasks: number;
  /** How many of them are delayed. */
  readonly delayed: number;
  /** Tasks sent in a second, if they are done as fast. */
  readonly rate: number;
  readonly pool: string;
}

export interface SoakReport {
  readonly samples: readonly Sample[];
  /** Of the samples after the warm-up. */
  readonly trends: Readonly<Record<Measured, Trend>>;
  /** Of file and log once everything was done and all had gone, in bytes. */
  readonly sizeAtEnd: number;
  readonly broken: readonly string[];
}

/** One worker, and a steady stream of tasks, some of them delayed, whose results expire: after the warm-up nothing may grow. */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const directory = await mkdtemp(join(tmpdir(), "celeriac-soak-"));
  try {
    return await soakIn(directory, options);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function soakIn(directory: string, options: SoakOptions): Promise<SoakReport> {
  const path = join(directory, "soak.db");
  const memory = join(directory, "memory.jsonl");
  const samples: Sample[] = [];
  const sampling = setInterval(
    () => samples.push({ ...memoryOf(memory), at: Date.now(), file: sizeOf(path) }),
    SAMPLE_MS,
  );
  try {
    await workOff(directory, path, memory, options);
  } finally {
    clearInterval(sampling);
  }
  const warm = samples.filter(({ at }) => at - (samples[0]?.at ?? 0) >= WARM_UP_MS);
  if (warm.length < FEWEST_SAMPLES) throw new Error("The soak was over too soon to tell anything: give it more tasks.");
  const trends = {
    rss: trendIn(warm, "rss"),
    heap: trendIn(
      ofEachRound(warm, (one, other) => one.heap < other.heap),
      "heap",
    ),
    file: trendIn(
      ofEachRound(warm, (one, other) => one.file > other.file),
      "file",
    ),
  };
  return { samples, trends, sizeAtEnd: sizeOf(path), broken: grown(trends) };
}

async function workOff(directory: string, path: string, memory: string, options: SoakOptions): Promise<void> {
  const url = `sqlite:${path}`;
  const logs = join(directory, "logs");
  await mkdir(logs);
  const args = [COMMAND, "-A", APP, "worker", "-P", options.pool, "-l", "warning"];
  const env = { CELERY_BROKER_URL: url, CELERY_RESULT_BACKEND: url, CHAOS_SAMPLES: memory };
  await using workers = new Pack({ name: "worker", command: process.execPath, args: () => args, env, logs }, 1);
  await using app = new Celeriac({ broker: url, resultBackend: url, taskPublishTimeoutMs: "60s" }, { env: {} });
  await sendAll(app, options);
  await untilFewerThan(1, app);
  if (workers.started > 1) throw new Error(`The worker ended: ${readFileSync(join(logs, "worker-1.log"), "utf8")}`);
  await workers.stop();
}

async function sendAll(app: Celeriac, { tasks, delayed, rate }: SoakOptions): Promise<void> {
  const start = Date.now();
  const delayedEvery = Math.round(tasks / delayed);
  for (let sent = 0; sent < tasks; sent += AT_ONCE) {
    await sleep(Math.max(0, start + (sent / rate) * 1_000 - Date.now()));
    await untilFewerThan(LONGEST_BACKLOG, app);
    await app.sendBatch(Array.from({ length: AT_ONCE }, (_, i) => callOf((sent + i) % delayedEvery === 0)));
  }
}

function callOf(isDelayed: boolean): Signature {
  const call = new Signature({ task: TASK, args: [ARGUMENT] });
  return isDelayed ? call.set({ countdownMs: Math.random() * LONGEST_DELAY_MS }) : call;
}

/** Waits until fewer messages than that are ready; when all are to be gone, also for those that are delayed. */
async function untilFewerThan(count: number, app: Celeriac): Promise<void> {
  const broker = await app.broker();
  for (;;) {
    const { ready = 0, delayed = 0, unacked = 0 } = (await broker.inspect(QUEUE)) ?? {};
    if (ready < count && (count > 1 || delayed + unacked === 0)) return;
    await sleep(LOOK_MS);
  }
}

/** What the worker told last. */
function memoryOf(path: string): Pick<Sample, "rss" | "heap"> {
  const last = existsSync(path) ? readFileSync(path, "utf8").trimEnd().split("\n").at(-1) : undefined;
  const { rss, heap } = last === undefined ? { rss: NaN, heap: NaN } : (JSON.parse(last) as MemorySample);
  return { rss, heap };
}

function sizeOf(path: string): number {
  return [path, `${path}-wal`].reduce((sum, one) => sum + (statSync(one, { throwIfNoEntry: false })?.size ?? 0), 0);
}

/** Of each round the sample that counts more than all others. */
function ofEachRound(
  samples: readonly Sample[],
  countsMore: (one: Sample, other: Sample) => boolean,
): readonly Sample[] {
  const chosen = new Map<number, Sample>();
  for (const sample of samples) {
    const round = Math.floor((sample.at - (samples[0]?.at ?? 0)) / ROUND_MS);
    const other = chosen.get(round);
    if (other === undefined || countsMore(sample, other)) chosen.set(round, sample);
  }
  return [...chosen.values()];
}

function trendIn(samples: readonly Sample[], what: Measured): Trend {
  return trendOf(
    samples.map(({ at }) => at),
    samples.map((sample) => sample[what]),
  );
}

function grown(trends: SoakReport["trends"]): readonly string[] {
  return (["rss", "heap", "file"] as const).flatMap((what) => {
    const { growth } = trends[what];
    return growth <= BOUNDS[what] ? [] : [`${what} grew by ${inMb(growth)}; allowed are ${inMb(BOUNDS[what])}.`];
  });
}

export function inMb(bytes: number): string {
  return `${(bytes / MB).toFixed(1)} MB`;
}
