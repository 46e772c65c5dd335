import { existsSync, readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { ROOT } from "./setup.mjs";

const VITEST = join(ROOT, "node_modules/vitest/vitest.mjs");
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
 * `trouble`: what failed outside of any test.
 */
export async function runVitest(project, filters, execute) {
  const first = await run(project, filters, execute);
  const { failures, trouble } = first;
  if (!TRIED_TWICE.includes(project) || failures.length === 0 || failures.length > A_FEW || trouble.length > 0)
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
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${REPORT}`];
  const { exitCode } = await execute(
    [VITEST, "run", "--passWithNoTests", `--project=${project}`, ...reporters, ...args],
    {
      stdio: "inherit",
      limit: LIMIT,
    },
  );
  const files = existsSync(REPORT) ? JSON.parse(readFileSync(REPORT, "utf8")).testResults : [];
  const tests = files.flatMap(({ name: path, assertionResults }) =>
    assertionResults.map(({ fullName: name, status, failureMessages }) => {
      return { path: relative(ROOT, path), name, status, reason: failureMessages.join("\n") };
    }),
  );
  const failures = tests.filter(({ status }) => status === "failed");
  return {
    passes: tests.filter(({ status }) => status === "passed"),
    failures,
    skipped: tests.filter(({ status }) => !["passed", "failed"].includes(status)).length,
    unsteady: [],
    trouble: troubleOf(files, exitCode, failures),
  };
}

function troubleOf(files, exitCode, failures) {
  const outside = files
    .filter(
      ({ status, assertionResults }) =>
        status === "failed" && !assertionResults.some((test) => test.status === "failed"),
    )
    .map(({ name: path }) => ({ name: relative(ROOT, path), reason: "it failed outside of its tests: see above" }));
  if (exitCode === 0 || failures.length + outside.length > 0) return outside;
  return [{ name: "vitest", reason: `it ended with ${exitCode}, but no test failed: see above` }];
}
