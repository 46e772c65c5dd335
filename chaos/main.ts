/**
 * `npm run chaos -- …`: the kill hunt, and with --soak the soak.
 *
 *     --minutes 10 --pool processes --seed 42      shoots for ten minutes, as that seed says
 *     --broker redis --kill-broker --leaks         on a Redis, which is shot at too, and then searched for what was left
 *     --broker redis --cut-connections --shots 30  where most of the shots only cut a connection
 *     --broker redis --python 2 --workers 2        with two workers of Celery's own on the same queue
 *     --soak --tasks 1000000 --delayed 100000      looks for what grows
 */
import { parseArgs } from "node:util";
import { makePython, NEWEST_CELERY } from "../test/support/python.ts";
import { hunt } from "./hunt.ts";
import { inMb, soak, type Measured } from "./soak.ts";

const { values } = parseArgs({
  options: {
    broker: { type: "string", default: "sqlite" },
    "kill-broker": { type: "boolean", default: false },
    "cut-connections": { type: "boolean", default: false },
    leaks: { type: "boolean", default: false },
    python: { type: "string", default: "0" },
    pool: { type: "string", default: "inline" },
    minutes: { type: "string", default: "1" },
    workers: { type: "string", default: "3" },
    concurrency: { type: "string", default: "8" },
    producers: { type: "string", default: "2" },
    // In a second; calls are those of each producer.
    shots: { type: "string" },
    calls: { type: "string" },
    "long-freezes": { type: "string", default: "0.02" },
    seed: { type: "string" },
    soak: { type: "boolean", default: false },
    tasks: { type: "string", default: "1000000" },
    delayed: { type: "string", default: "100000" },
    rate: { type: "string", default: "3000" },
  },
});

const broken = values.soak ? await runSoak() : await runHunt();
for (const promise of broken) say(`BROKEN: ${promise}`);
process.exitCode = broken.length === 0 ? 0 : 1;

async function runHunt(): Promise<readonly string[]> {
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32));
  say(`seed ${seed}`);
  const pythonWorkers = Number(values.python);
  const report = await hunt({
    seed,
    place: placeNamed(values.broker),
    pool: values.pool,
    seconds: Number(values.minutes) * 60,
    workers: Number(values.workers),
    concurrency: Number(values.concurrency),
    celery: pythonWorkers > 0 ? { python: await makePython(NEWEST_CELERY), workers: pythonWorkers } : undefined,
    producers: Number(values.producers),
    shotsPerSecond: Number(values.shots ?? usualShots(values.pool, pythonWorkers)),
    callsPerSecond: Number(values.calls ?? (pythonWorkers > 0 ? 20 : 40)),
    longFreezes: Number(values["long-freezes"]),
    shootsBroker: values["kill-broker"],
    cutsConnections: values["cut-connections"],
    findsLeaks: values.leaks,
  });
  for (const [what, count] of Object.entries(report.counts)) say(`${String(count).padStart(8)}  ${what}`);
  if (report.broken.length > 0)
    say(`seed ${seed}; what the broker has, the journal and the logs are in ${report.directory}`);
  return report.broken;
}

/** A file can neither be shot at nor be shared with Python. */
function placeNamed(name: string): "sqlite" | "redis" {
  if (name === "redis") return name;
  if (name !== "sqlite") throw new Error(`There is no --broker ${name}: it is sqlite or redis.`);
  if (values["kill-broker"] || values["cut-connections"] || values.leaks || Number(values.python) > 0) {
    throw new Error("--kill-broker, --cut-connections, --leaks and --python need --broker redis.");
  }
  return name;
}

/** In a second. Workers with children take longer to start, and would never get to run anything; nor would what lasts longer than a visibility timeout. */
function usualShots(pool: string, pythonWorkers: number): number {
  if (pythonWorkers > 0) return 0.5;
  return pool === "inline" ? 3 : 1;
}

async function runSoak(): Promise<readonly string[]> {
  const { pool } = values;
  const [tasks, delayed, rate] = [Number(values.tasks), Number(values.delayed), Number(values.rate)];
  const report = await soak({ tasks, delayed, rate, pool });
  const columns: readonly Measured[] = ["rss", "heap", "file"];
  const row = (title: string, cells: readonly string[]): void =>
    say(title.padEnd(8) + cells.map((cell) => cell.padStart(10)).join(""));
  row("", columns);
  const start = report.samples[0]?.at ?? 0;
  for (const sample of report.samples) {
    row(
      `${Math.round((sample.at - start) / 1_000)} s`,
      columns.map((column) => inMb(sample[column])),
    );
  }
  for (const what of ["mean", "max", "growth"] as const) {
    row(
      what,
      columns.map((column) => inMb(report.trends[column][what])),
    );
  }
  say(`${inMb(report.sizeAtEnd)} on disk at the end`);
  return report.broken;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
