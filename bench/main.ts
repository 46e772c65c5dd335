// npm run bench [-- sqlite|redis|rabbitmq|postgres … --rounds N --only TEXT --beside NAME … --json --quick]
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { loadDriver } from "../src/adapters/sqlite/driver.ts";
import type { Contender } from "./contender.ts";
import { asTable, type Line } from "./report.ts";
import { measureScenario } from "./rounds.ts";
import { OURS, type Suite } from "./suite.ts";
import { suitesNamed } from "./suites.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string" },
    only: { type: "string", default: "" },
    beside: { type: "string", multiple: true },
    json: { type: "boolean", default: false },
    // One round of next to nothing: whether it runs, not how fast.
    quick: { type: "boolean", default: false },
  },
});
const { quick, only, beside } = values;
const rounds = Number(values.rounds ?? (quick ? 1 : 5));
const chosen = suitesNamed(positionals)
  .map((suite) => ({ suite, scenarios: suite.scenarios(quick).filter(({ name }) => name.includes(only)) }))
  .filter(({ scenarios }) => scenarios.length > 0);
if (chosen.length === 0) throw new Error(`No scenario's name contains "${only}".`);

interface Measured {
  readonly suite: Suite;
  readonly contenders: readonly Contender[];
  readonly lines: readonly Line[];
  readonly leftOut: readonly string[];
  readonly server: string | undefined;
}

const measured: Measured[] = [];
for (const { suite, scenarios } of chosen) {
  const wanted = suite.contenders.filter(({ name }) => name === OURS || (beside?.includes(name) ?? true));
  const leftOut: string[] = [];
  const contenders: Contender[] = [];
  for (const contender of wanted) {
    const lack = await contender.lacks?.();
    if (lack === undefined) contenders.push(contender);
    else leftOut.push(`LEFT OUT: ${contender.name} on ${suite.name}: ${lack}`);
  }
  for (const line of leftOut) say(line);
  await using server = contenders.length === 0 ? undefined : await suite.startServer();
  const lines: Line[] = [];
  for (const scenario of contenders.length === 0 ? [] : scenarios) {
    say(`${suite.name}: ${scenario.name} …`);
    lines.push(...(await measureScenario(suite, contenders, scenario, { rounds, quick, server })));
  }
  measured.push({ suite, contenders, lines, leftOut, server: server?.version });
}

const machine = {
  node: process.version,
  sqlite: loadDriver().name,
  servers: [...new Set(measured.flatMap(({ server }) => server ?? []))],
  cpu: cpus()[0]?.model ?? "",
  cores: cpus().length,
};
process.stdout.write(values.json ? `${JSON.stringify({ machine, rounds, suites: measured.map(asJson) })}\n` : asText());

function asJson({ suite, lines, leftOut }: Measured): object {
  return {
    name: suite.name,
    leftOut,
    lines: lines.map((line) => ({ ...line, summaries: Object.fromEntries(line.summaries) })),
  };
}

function asText(): string {
  const tables = measured.map(({ contenders, lines, leftOut }) => {
    const others = contenders.map(({ name }) => name).filter((name) => name !== OURS);
    return `\n${[asTable(lines, OURS, others), ...leftOut].join("\n\n")}\n`;
  });
  const { cpu, cores, node, sqlite, servers } = machine;
  const software = [`Node ${node}`, sqlite, ...servers].join(", ");
  return `${tables.join("")}\n${cpu}, ${cores} cores, ${software}; up to ${rounds} rounds, medians\n`;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
