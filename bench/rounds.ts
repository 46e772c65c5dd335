import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startChild } from "./child.ts";
import type { Contender, Figures } from "./contender.ts";
import { measure, type Measurement } from "./measure.ts";
import type { Line } from "./report.ts";
import type { Server } from "./server.ts";
import { summarize } from "./stats.ts";
import type { Scenario, Suite } from "./suite.ts";

export interface RoundsOptions {
  readonly rounds: number;
  /** All in one process, which takes less time and gives no figures that could be believed. */
  readonly quick: boolean;
  /** Absent where there is none to be started. */
  readonly server: Server | undefined;
}

/** Measures each contender once in every round. */
export async function measureScenario(
  suite: Suite,
  contenders: readonly Contender[],
  scenario: Scenario,
  options: RoundsOptions,
): Promise<readonly Line[]> {
  const able = contenders.filter(({ measurements }) => measurements[scenario.kind] !== undefined);
  const runs = new Map(able.map(({ name }): [string, Figures[]] => [name, []]));
  for (let round = 0; round < Math.min(options.rounds, scenario.rounds ?? Infinity); round += 1) {
    for (const { name } of able) runs.get(name)?.push(await measureOnce(suite, name, scenario, options));
  }
  return Object.entries(scenario.units).map(([figure, unit]) => {
    const measured = [...runs].map(([name, all]) => [name, all.flatMap((figures) => figures[figure] ?? [])] as const);
    const there = measured.filter(([, all]) => all.length > 0);
    const summaries = new Map(there.map(([name, all]) => [name, summarize(all)]));
    return { scenario: scenario.name, figure, unit, summaries };
  });
}

async function measureOnce(
  suite: Suite,
  contender: string,
  scenario: Scenario,
  { quick, server }: RoundsOptions,
): Promise<Figures> {
  const directory = await mkdtemp(join(tmpdir(), "celeriac-bench-"));
  try {
    const place = { directory, ...(await server?.emptied()) };
    const measurement: Measurement = { suite: suite.name, contender, scenario, place };
    return await (quick ? measure(measurement) : measureApart(measurement));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function measureApart(measurement: Measurement): Promise<Figures> {
  const program = fileURLToPath(import.meta.resolve("./measure-apart.ts"));
  await using child = await startChild(program, { BENCH_MEASUREMENT: JSON.stringify(measurement) });
  return JSON.parse(child.first) as Figures;
}
