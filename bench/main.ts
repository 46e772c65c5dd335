// npm run bench [-- --rounds N --only TEXT --json --quick]
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { loadDriver } from "../src/adapters/sqlite/driver.ts";
import { startChild } from "./child.ts";
import type { Figures } from "./contender.ts";
import { CONTENDERS, measure, type Measurement } from "./measure.ts";
import { hasRedis } from "./redis.ts";
import { asTable, type Line } from "./report.ts";
import { scenarios, type Scenario } from "./scenarios.ts";
import { summarize } from "./stats.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string" },
    only: { type: "string", default: "" },
    json: { type: "boolean", default: false },
    // One round of next to nothing, all in one process: whether it runs, not how fast.
    quick: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds ?? (values.quick ? 1 : 5));
const chosen = scenarios(values.quick).filter(({ name }) => name.includes(values.only));
if (chosen.length === 0) throw new Error(`No scenario's name contains "${values.only}".`);

const OURS = "Celeriac";
const withRedis = hasRedis();
const contenders = CONTENDERS.map(({ name }) => name).filter((name) => withRedis || name !== "BullMQ");
if (!withRedis) process.stderr.write("BullMQ is left out: there is no redis-server in the PATH.\n");

async function measureScenario(scenario: Scenario): Promise<readonly Line[]> {
  const runs = new Map(contenders.map((name): [string, Figures[]] => [name, []]));
  for (let round = 0; round < Math.min(rounds, scenario.rounds ?? rounds); round += 1) {
    for (const contender of contenders) runs.get(contender)?.push(await measureOnce(contender, scenario));
  }
  return Object.entries(scenario.units).map(([figure, unit]) => {
    const measured = [...runs].map(([name, all]) => [name, all.flatMap((figures) => figures[figure] ?? [])] as const);
    const there = measured.filter(([, all]) => all.length > 0);
    const summaries = new Map(there.map(([name, all]) => [name, summarize(all)]));
    return { scenario: scenario.name, figure, unit, summaries };
  });
}

async function measureOnce(contender: string, scenario: Scenario): Promise<Figures> {
  const directory = await mkdtemp(join(tmpdir(), "celeriac-bench-"));
  try {
    const measurement: Measurement = { contender, scenario, place: { directory } };
    return await (values.quick ? measure(measurement) : measureApart(measurement));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function measureApart(measurement: Measurement): Promise<Figures> {
  const program = fileURLToPath(import.meta.resolve("./measure-apart.ts"));
  await using child = await startChild(program, { BENCH_MEASUREMENT: JSON.stringify(measurement) });
  return JSON.parse(child.first) as Figures;
}

const lines: Line[] = [];
for (const scenario of chosen) {
  process.stderr.write(`${scenario.name} …\n`);
  lines.push(...(await measureScenario(scenario)));
}

const machine = { node: process.version, driver: loadDriver().name, cpu: cpus()[0]?.model ?? "", cores: cpus().length };
process.stdout.write(
  values.json
    ? `${JSON.stringify({ machine, rounds, lines: lines.map((line) => ({ ...line, summaries: Object.fromEntries(line.summaries) })) })}\n`
    : `\n${asTable(
        lines,
        OURS,
        contenders.filter((name) => name !== OURS),
      )}\n\n${machine.cpu}, ${String(machine.cores)} cores, Node ${machine.node}, ${machine.driver}; up to ${String(rounds)} rounds, medians\n`,
);
