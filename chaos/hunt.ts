import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Celeriac } from "celeriac";
import type { QueueDepth } from "../src/broker/broker.ts";
import { readJournal } from "./journal.ts";
import { Pack } from "./pack.ts";
import { Random } from "./random.ts";
import { shoot } from "./shooter.ts";
import { judge, type Verdict } from "./verdict.ts";

const QUEUE = "celery";
/** How long what is left may take once nobody shoots any more, in milliseconds: a lease, and then all that has come together. */
const LONGEST_DRAIN_MS = 120_000;
const LOOK_MS = 100;
/** Ids in one look-up of results. */
const IDS_AT_ONCE = 1_000;

/** The command and the app, as users have them: compiled, and TypeScript. */
const COMMAND = join(import.meta.dirname, "../dist/cli/main.js");
const APP = join(import.meta.dirname, "app.ts");
const PRODUCER = join(import.meta.dirname, "producer.ts");

export interface HuntOptions {
  readonly seed: number;
  /** How long it is shot. */
  readonly seconds: number;
  readonly workers: number;
  /** Tasks that each worker runs at once. */
  readonly concurrency: number;
  readonly producers: number;
  readonly pool: string;
  readonly shotsPerSecond: number;
  /** Of each producer. */
  readonly callsPerSecond: number;
  /** Share of the freezes that outlast a lease, from 0 to 1. */
  readonly longFreezes: number;
}

export interface HuntReport extends Verdict {
  /** The database, the journal, the shots and everybody's log; kept when a promise was broken. */
  readonly directory: string;
}

/** Real workers and producers on one SQLite file, shot at from all sides; then the dead are counted. */
export async function hunt(options: HuntOptions): Promise<HuntReport> {
  const directory = await mkdtemp(join(tmpdir(), "celeriac-hunt-"));
  const verdict = await huntIn(directory, options);
  if (verdict.broken.length === 0) await rm(directory, { recursive: true, force: true });
  return { ...verdict, directory };
}

async function huntIn(directory: string, options: HuntOptions): Promise<Verdict> {
  const logs = join(directory, "logs");
  await mkdir(logs);
  const url = `sqlite:${join(directory, "hunt.db")}`;
  const journal = join(directory, "journal.jsonl");
  const env = { CELERY_BROKER_URL: url, CELERY_RESULT_BACKEND: url, CHAOS_JOURNAL: journal };
  const { seed, pool, concurrency, callsPerSecond } = options;
  const workerArgs = [COMMAND, "-A", APP, "worker", "-P", pool, "-c", String(concurrency), "-l", "warning"];
  const producerArgs = (nth: number): readonly string[] => {
    return ["--import", "tsx", PRODUCER, String(seed + nth), String(callsPerSecond)];
  };

  await using workers = new Pack({ name: "worker", args: () => workerArgs, env, logs }, options.workers);
  await using producers = new Pack({ name: "producer", args: producerArgs, env, logs }, options.producers);
  const { shotsPerSecond: perSecond, seconds, longFreezes } = options;
  const shots = await shoot(new Random(seed), { workers, producers, perSecond, seconds, longFreezes });
  await writeFile(join(directory, "shots.json"), JSON.stringify(shots));

  await producers.stop();
  await using app = new Celeriac({ broker: url, resultBackend: url }, { env: {} });
  const queue = await drained(app);
  const workerExits = [...workers.exits];
  await workers.stop();
  const entries = readJournal(journal);
  const states = await statesOf(app, [...new Set(entries.map(({ id }) => id))]);
  const broker = await app.broker();
  const deadLetters = (await broker.deadLetters()).map(({ reason }) => `${reason.code}: ${reason.detail}`);
  return judge({ journal: entries, shots, workerExits, states, queue, deadLetters });
}

/** What is in the queue when nothing is any more, or when the time is over. */
async function drained(app: Celeriac): Promise<QueueDepth | undefined> {
  const broker = await app.broker();
  const deadline = Date.now() + LONGEST_DRAIN_MS;
  for (;;) {
    const depth = await broker.inspect(QUEUE);
    if (depth !== undefined && depth.ready + depth.delayed + depth.unacked === 0) return depth;
    if (Date.now() >= deadline) return depth;
    await sleep(LOOK_MS);
  }
}

async function statesOf(app: Celeriac, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const backend = await app.resultBackend();
  const states = new Map<string, string>();
  for (let start = 0; start < ids.length; start += IDS_AT_ONCE) {
    const metas = await backend.fetch(ids.slice(start, start + IDS_AT_ONCE));
    for (const [id, { state }] of metas) states.set(id, state);
  }
  return states;
}
