import { stdout } from "node:process";
import type { RunRow } from "../database/runs.ts";
import type { Import } from "./api-client.ts";

const paint = (code: number) => (text: string) => (stdout.isTTY ? `\u001b[${String(code)}m${text}\u001b[0m` : text);
const bold = paint(1);
const dim = paint(2);
const red = paint(31);
const green = paint(32);

export function say(text = ""): void {
  stdout.write(`${text}\n`);
}

export function heading(text: string): void {
  say(`\n${bold(text)}`);
}

export function fact(name: string, value: string): void {
  say(`  ${dim(name.padEnd(22))}${value}`);
}

/** `pytest.xml   task 1b2c3d4e  SUCCESS    319 tests   0 failures   0 errors  39 skipped   41 ms` */
export function importLine(file: string, { taskId, state, outcome, error, ms }: Import): void {
  const runs = outcome?.runs ?? [];
  const colour = state === "SUCCESS" ? green : red;
  const head = `  ${file.padEnd(34)}${dim(`task ${taskId.slice(0, 8)}`)}  ${colour(state)}`;
  const [first] = runs;
  const known = first?.duplicate === true ? `  known: run ${first.run_id.slice(0, 8)}` : "";
  say(`${head}  ${counts(runs)}${String(ms).padStart(6)} ms${known}`);
  if (error !== undefined) say(`    ${error}`);
}

export function runTable(runs: readonly RunRow[]): void {
  say(dim(`  ${"run".padEnd(10)}${"report".padEnd(34)}${"name".padEnd(24)}  tests  failures  errors  skipped`));
  for (const { id, source, name, tests, failures, errors, skipped } of runs) {
    const numbers = [
      String(tests).padStart(7),
      String(failures).padStart(10),
      String(errors).padStart(8),
      String(skipped).padStart(9),
    ];
    say(`  ${id.slice(0, 8).padEnd(10)}${source.padEnd(34)}${name.padEnd(24)}${numbers.join("")}`);
  }
}

function counts(
  runs: readonly {
    readonly tests: number;
    readonly failures: number;
    readonly errors: number;
    readonly skipped: number;
  }[],
): string {
  if (runs.length === 0) return "";
  const sum = (count: "tests" | "failures" | "errors" | "skipped"): string =>
    String(runs.reduce((total, run) => total + run[count], 0)).padStart(4);
  return `${sum("tests")} tests ${sum("failures")} failures ${sum("errors")} errors ${sum("skipped")} skipped`;
}
