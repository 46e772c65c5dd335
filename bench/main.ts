// npm run bench [-- --rounds N --only TEXT --json --quick]
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { loadDriver } from "../src/adapters/sqlite/driver.ts";
import { asTable, type Figure } from "./report.ts";
import type { Scenario } from "./scenario.ts";
import { FULL, QUICK, sqliteScenarios } from "./sqlite.ts";
import { summarize } from "./stats.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string" },
    only: { type: "string", default: "" },
    json: { type: "boolean", default: false },
    // One round of next to nothing: whether it runs, not how fast.
    quick: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds ?? (values.quick ? 1 : 5));
const scenarios = sqliteScenarios(values.quick ? QUICK : FULL).filter(({ name }) => name.includes(values.only));
if (scenarios.length === 0) throw new Error(`No scenario's name contains "${values.only}".`);

async function measure(scenario: Scenario): Promise<readonly Figure[]> {
  const runs = scenario.contenders.map((): number[] => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [i, contender] of scenario.contenders.entries()) {
      const directory = await mkdtemp(join(tmpdir(), "celeriac-bench-"));
      try {
        runs[i]?.push(await contender.measure(directory));
      } finally {
        await rm(directory, { recursive: true, force: true });
      }
    }
  }
  const summaries = runs.map(summarize);
  return scenario.contenders.map(({ name }, i) => {
    const summary = summaries[i] ?? summarize([]);
    const ratio = i === 0 ? null : summary.median / (summaries[0]?.median ?? NaN);
    return { scenario: scenario.name, unit: scenario.unit, contender: name, summary, ratio };
  });
}

const figures: Figure[] = [];
for (const scenario of scenarios) {
  process.stderr.write(`${scenario.name} …\n`);
  figures.push(...(await measure(scenario)));
}

const machine = { node: process.version, driver: loadDriver().name, cpu: cpus()[0]?.model ?? "", cores: cpus().length };
process.stdout.write(
  values.json
    ? `${JSON.stringify({ machine, rounds, figures })}\n`
    : `\n${asTable(figures)}\n\n${machine.cpu}, ${String(machine.cores)} cores, Node ${machine.node}, ${machine.driver}; ${rounds} rounds, medians\n`,
);
