/**
 * `npm run chaos -- …`: the kill hunt, and with --soak the soak.
 *
 *     --minutes 10 --pool processes --seed 42      shoots for ten minutes, as that seed says
 *     --soak --tasks 1000000 --delayed 100000      looks for what grows
 */
import { parseArgs } from "node:util";
import { hunt } from "./hunt.ts";
import { inMb, soak, type Measured } from "./soak.ts";

const { values } = parseArgs({
  options: {
    pool: { type: "string", default: "inline" },
    minutes: { type: "string", default: "1" },
    workers: { type: "string", default: "3" },
    concurrency: { type: "string", default: "8" },
    producers: { type: "string", default: "2" },
    // In a second; calls are those of each producer. Workers with children take longer to start, and would never get to run anything.
    shots: { type: "string" },
    calls: { type: "string", default: "40" },
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
  const report = await hunt({
    seed,
    pool: values.pool,
    seconds: Number(values.minutes) * 60,
    workers: Number(values.workers),
    concurrency: Number(values.concurrency),
    producers: Number(values.producers),
    shotsPerSecond: Number(values.shots ?? (values.pool === "inline" ? 3 : 1)),
    callsPerSecond: Number(values.calls),
    longFreezes: Number(values["long-freezes"]),
  });
  for (const [what, count] of Object.entries(report.counts)) say(`${String(count).padStart(8)}  ${what}`);
  if (report.broken.length > 0) say(`seed ${seed}; the database, the journal and the logs are in ${report.directory}`);
  return report.broken;
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
