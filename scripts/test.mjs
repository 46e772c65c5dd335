/**
 * `npm test`: everything that has to hold before a change lands. Each check counts one, each vitest test one; the last
 * line is the sum.
 *
 *     npm test -- --only lint,unit        these checks and vitest projects alone
 *     npm test -- --only unit codec       … and of the project only the test files whose path contains "codec"
 */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { parseArgs, styleText } from "node:util";
import { checkPackage } from "./check-package.mjs";
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
const VITEST_LIMIT = 20;

const VITEST_REPORT = join(ROOT, ".cache/vitest.json");
/** test/support/left-out.ts writes it. */
const LEFT_OUT = join(ROOT, ".cache/left-out.txt");

const sum = { passed: 0, failed: 0, skipped: 0 };
/** What failed and why, told once more at the end: the run's own output is too long to be searched. */
const failures = [];

try {
  await main();
} catch (error) {
  failed("npm test", error instanceof Error ? (error.stack ?? error.message) : String(error));
}
if (sum.passed + sum.failed === 0) failed("npm test", "nothing was checked");
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
  for (const project of PROJECTS.filter(isWanted)) tests += await runVitest(project, filters);
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
async function runVitest(project, filters) {
  rmSync(VITEST_REPORT, { force: true });
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${VITEST_REPORT}`];
  const { exitCode } = await execute(
    [
      join(ROOT, "node_modules/vitest/vitest.mjs"),
      "run",
      "--passWithNoTests",
      `--project=${project}`,
      ...reporters,
      ...filters,
    ],
    { stdio: "inherit", limit: VITEST_LIMIT },
  );
  const files = existsSync(VITEST_REPORT) ? JSON.parse(readFileSync(VITEST_REPORT, "utf8")).testResults : [];
  const failedBefore = sum.failed;
  const tests = countTests(files);
  if (exitCode !== 0 && sum.failed === failedBefore)
    failed(project, `vitest ended with ${exitCode}, but no test failed: see above`);
  else if (tests === 0 && filters.length === 0) failed(project, "it has no test");
  return tests;
}

function countTests(files) {
  let tests = 0;
  for (const { name: path, status, assertionResults } of files) {
    const count = (...states) => assertionResults.filter((test) => states.includes(test.status)).length;
    tests += assertionResults.length;
    sum.passed += count("passed");
    sum.failed += count("failed");
    sum.skipped += count("skipped", "pending", "todo", "disabled");
    for (const { fullName, failureMessages } of assertionResults.filter((test) => test.status === "failed"))
      failures.push(`✗ ${relative(ROOT, path)}: ${fullName}\n${failureMessages.join("\n")}`);
    if (status === "failed" && count("failed") === 0)
      failed(relative(ROOT, path), "it failed outside of its tests: see above");
  }
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
