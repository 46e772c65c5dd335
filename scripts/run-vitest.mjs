import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./setup.mjs";

const VITEST = join(ROOT, "node_modules/vitest/vitest.mjs");
const REPORTER = join(ROOT, "scripts/vitest-report.mjs");
const REPORT = join(ROOT, ".cache/vitest.json");

/** In minutes. */
const LIMIT = 25;

/**
 * Their tests wait for processes and servers, on a machine that others may load: a few that failed are tried once more, alone, and what passes then is
 * `unsteady`. More than a few have a cause; and a unit test has no excuse.
 */
const TRIED_TWICE = ["conformance", "interop", "e2e"];
const A_FEW = 5;

/**
 * Runs the tests of a vitest project.
 *
 * Returns how many `passed` and were `skipped`, the `failures` and the `unsteady` that passed at the second try, each as `{ path, name, reason }`, and
 * `troubles`: what failed outside of any test, each as `{ path, reason }`.
 */
export async function runVitest(project, filters, execute) {
  const first = await run(project, filters, execute);
  const { failures, troubles } = first;
  if (!TRIED_TWICE.includes(project) || failures.length === 0 || failures.length > A_FEW || troubles.length > 0)
    return first;

  const names = failures.map(({ name }) => name.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&"));
  const paths = [...new Set(failures.map(({ path }) => path))];
  console.log(`\nOnce more, alone: ${failures.map(({ name }) => name).join("; ")}`);
  const alone = await run(project, [...paths, "--maxWorkers=1", `--testNamePattern=^(${names.join("|")})$`], execute);
  const isIn = (tests) => (test) => tests.some(({ path, name }) => path === test.path && name === test.name);
  const unsteady = failures.filter(isIn(alone.passes));
  return {
    ...first,
    passes: [...first.passes, ...unsteady],
    failures: failures.filter((test) => !isIn(unsteady)(test)),
    unsteady,
  };
}

async function run(project, args, execute) {
  rmSync(REPORT, { force: true });
  process.env.VITEST_REPORT = REPORT;
  const reporters = ["--reporter=default", `--reporter=${REPORTER}`];
  const { exitCode } = await execute(
    [VITEST, "run", "--passWithNoTests", `--project=${project}`, ...reporters, ...args],
    {
      stdio: "inherit",
      limit: LIMIT,
    },
  );
  const ending = { path: "vitest", reason: `it ended with ${exitCode} and without a report: see above` };
  const { tests, troubles } = existsSync(REPORT)
    ? JSON.parse(readFileSync(REPORT, "utf8"))
    : { tests: [], troubles: [ending] };
  const failures = tests.filter(({ state }) => state === "failed");
  const isUnexplained = exitCode !== 0 && failures.length + troubles.length === 0;
  return {
    passes: tests.filter(({ state }) => state === "passed"),
    failures,
    skipped: tests.filter(({ state }) => !["passed", "failed"].includes(state)).length,
    unsteady: [],
    troubles: isUnexplained ? [ending] : troubles,
  };
}
