/**
 * `npm test`: everything that has to hold before a change lands. Each check counts one, each vitest test one; the last
 * line is the sum.
 *
 *     npm test -- --only lint,unit        these checks and vitest projects alone
 *     npm test -- --only unit codec       … and of the project only the test files whose path contains "codec"
 */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs, styleText } from "node:util";
import { checkPackage } from "./check-package.mjs";
import { runVitest } from "./run-vitest.mjs";
import { ROOT, ensureBuilt, ensureInstalled } from "./setup.mjs";

/** TypeScript as it is, and src for the package. */
const FROM_SOURCE = ["--import", "tsx", "--conditions=@celeriac/source"];

const CHECKS = {
  build: { what: "compiles to dist", run: () => ensureBuilt() },
  format: { what: "formatted by Prettier", run: () => node("prettier/bin/prettier.cjs", "--check", ".") },
  lint: { what: "no findings of ESLint", run: () => node("eslint/bin/eslint.js", "--max-warnings=0", ".") },
  layers: {
    what: "imports point downwards",
    run: () => node("dependency-cruiser/bin/dependency-cruise.mjs", "src", "examples"),
  },
  unused: { what: "nothing unused (knip)", run: () => node("knip/bin/knip.js", "--no-progress") },
  // test/types makes its claims at compile time: a wrong type fails here.
  types: { what: "types of src, tests, examples and benchmarks", run: () => node("typescript/bin/tsc", "--noEmit") },
  bench: {
    what: "benchmarks still run",
    run: () => capture(process.execPath, [...FROM_SOURCE, "bench/main.ts", "--quick"]),
  },
};
const PROJECTS = ["unit", "conformance", "interop", "e2e"];
const NAMES = [...Object.keys(CHECKS), ...PROJECTS, "package"];

/** A check that hangs is a failed one; in minutes. */
const CHECK_LIMIT = 5;

/** test/support/left-out.ts writes it. */
const LEFT_OUT = join(ROOT, ".cache/left-out.txt");

const sum = { passed: 0, failed: 0, skipped: 0 };
/** What failed and why, told once more at the end: the run's own output is too long to be searched. */
const failures = [];
/** What passed at the second try alone, and why it failed at the first. */
const unsteady = [];

try {
  await main();
} catch (error) {
  failed("npm test", error instanceof Error ? (error.stack ?? error.message) : String(error));
}
if (sum.passed + sum.failed === 0) failed("npm test", "nothing was checked");
if (unsteady.length > 0) console.log(`${loud("\nUNSTEADY, passed at the second try only:")}\n${unsteady.join("\n")}`);
if (failures.length > 0) console.log(`${loud("\nFAILED:")}\n${failures.join("\n")}`);
console.log(`\n${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
process.exitCode = sum.failed === 0 ? 0 : 1;

async function main() {
  const { only, filters } = wishes();
  const isWanted = (name) => only.includes(name);
  rmSync(LEFT_OUT, { force: true });
  ensureInstalled();
  for (const [name, { what, run }] of Object.entries(CHECKS).filter(([name]) => isWanted(name))) {
    await check(name, what, run);
  }
  let tests = 0;
  for (const project of PROJECTS.filter(isWanted)) tests += await test(project, filters);
  if (filters.length > 0 && tests === 0) failed("vitest", `no test file's path contains ${filters.join(" or ")}`);
  if (isWanted("package")) await checkPackage({ check, capture, node });
  if (existsSync(LEFT_OUT)) console.log(loud(`\nLEFT OUT:\n${readFileSync(LEFT_OUT, "utf8").trimEnd()}`));
}

function wishes() {
  const { values, positionals } = parseArgs({
    options: { only: { type: "string", multiple: true } },
    allowPositionals: true,
  });
  const only = values.only?.flatMap((names) => names.split(",")) ?? NAMES;
  const unknown = only.filter((name) => !NAMES.includes(name));
  if (unknown.length > 0) throw new Error(`--only takes ${NAMES.join(", ")}; not ${unknown.join(", ")}.`);
  return { only, filters: positionals };
}

/** Runs one check, which fails by throwing, and counts it. */
async function check(name, what, run) {
  const startedAt = performance.now();
  try {
    await run();
  } catch (error) {
    failed(`${name}: ${what}`, error instanceof Error ? error.message : String(error));
    return false;
  }
  sum.passed += 1;
  console.log(`✓ ${name}: ${what} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`);
  return true;
}

function failed(name, reason) {
  sum.failed += 1;
  failures.push(`✗ ${name}`);
  console.log(loud(`✗ ${name}`));
  console.log(reason.trimEnd());
}

/** Runs the tests of one project, adds them to the sum and returns how many there were. */
async function test(project, filters) {
  const { passes, failures: failing, skipped, unsteady: shaky, troubles } = await runVitest(project, filters, execute);
  sum.passed += passes.length;
  sum.failed += failing.length;
  sum.skipped += skipped;
  failures.push(...failing.map(({ path, name, reason }) => `✗ ${path}: ${name}\n${reason}`));
  unsteady.push(...shaky.map(({ path, name, reason }) => `${path}: ${name}\n${reason}`));
  for (const { path, reason } of troubles) failed(`${project}: ${path}`, reason);
  const tests = passes.length + failing.length + skipped;
  if (tests === 0 && filters.length === 0) failed(project, "it has no test");
  return tests;
}

/** Runs a program of node_modules; its output is shown only when it fails. */
async function node(program, ...args) {
  return capture(process.execPath, [join(ROOT, "node_modules", program), ...args]);
}

/** Standard output of a program; throws with all that it wrote when it fails. */
async function capture(command, args, options = {}) {
  const { exitCode, stdout, all } = await execute(args, { command, stdio: "pipe", limit: CHECK_LIMIT, ...options });
  if (exitCode !== 0) throw new Error(`${all}\n(it ended with ${exitCode})`);
  return stdout;
}

function execute(args, { command = process.execPath, stdio, limit, ...options }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: ["ignore", stdio, stdio], ...options });
    let stdout = "";
    let all = "";
    child.stdout?.setEncoding("utf8").on("data", (text) => {
      stdout += text;
      all += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text) => (all += text));
    const timer = setTimeout(() => child.kill("SIGKILL"), limit * 60_000);
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ exitCode: code ?? signal, stdout, all });
    });
  });
}

function loud(text) {
  return styleText(["bold", "red"], text);
}
