// npm run bench [-- --rounds N] [--only TEXT] [--json]
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { loadDriver } from "../src/adapters/sqlite/driver.ts";
import { asTable, type Figure } from "./report.ts";
import type { Scenario } from "./scenario.ts";
import { SQLITE_SCENARIOS } from "./sqlite.ts";
import { summarize } from "./stats.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    only: { type: "string", default: "" },
    json: { type: "boolean", default: false },
  },
});

async function measureIn(scenario: Scenario, rounds: number): Promise<readonly Figure[]> {
  const runs = scenario.contenders.map((): number[] => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [i, { measure }] of scenario.contenders.entries()) {
      const directory = await mkdtemp(join(tmpdir(), "celeriac-bench-"));
      try {
        runs[i]?.push(await measure(directory));
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
for (const scenario of SQLITE_SCENARIOS.filter(({ name }) => name.includes(values.only))) {
  process.stderr.write(`${scenario.name} …\n`);
  figures.push(...(await measureIn(scenario, Number(values.rounds))));
}

const machine = { node: process.version, driver: loadDriver().name, cpu: cpus()[0]?.model ?? "", cores: cpus().length };
process.stdout.write(
  values.json
    ? `${JSON.stringify({ machine, rounds: Number(values.rounds), figures })}\n`
    : `\n${asTable(figures)}\n\n${machine.cpu}, ${String(machine.cores)} cores, Node ${machine.node}, ${machine.driver}; ${values.rounds} rounds, medians\n`,
);
