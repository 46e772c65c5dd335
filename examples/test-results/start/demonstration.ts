import { isDeepStrictEqual } from "node:util";
import type { AsyncResult } from "celeriac";
import { pruneOldFiles, pruneOldResults, pruneOldRuns, syncAbortedRuns } from "../tasks/maintenance.ts";
import type { ApiClient, Import } from "./api-client.ts";
import { readSample, SAMPLE_REPORTS } from "./sample-reports.ts";
import { fact, heading, importLine, runTable } from "./screen.ts";

const TASK_TIMEOUT_MS = 30_000;

/** Shows the system at work. Resolves with what was not as it should be, line by line. */
export async function demonstrate(api: ApiClient): Promise<readonly string[]> {
  const problems = [
    ...(await importSamples(api)),
    ...(await importAgain(api, "pytest-tabulate.xml")),
    ...(await importHalf(api, "pytest-tabulate.xml")),
  ];
  const runs = await api.runs();
  heading("Runs");
  runTable(runs);
  await maintain();

  const tests = runs.reduce((sum, run) => sum + run.tests, 0);
  heading(
    `${String(SAMPLE_REPORTS.length + 2)} uploads, ${String(runs.length)} runs, ${String(tests)} results, ${String(problems.length)} problems`,
  );
  return problems;
}

async function importSamples(api: ApiClient): Promise<readonly string[]> {
  heading("Reports that real test runners wrote, imported (the first waits for the worker to be up)");
  const problems: string[] = [];
  for (const { file, runs } of SAMPLE_REPORTS) {
    const imported = await importFile(api, file, await readSample(file));
    const found = imported.outcome?.runs.map(({ tests, failures, errors, skipped }) => ({
      tests,
      failures,
      errors,
      skipped,
    }));
    if (!isDeepStrictEqual(found, runs))
      problems.push(`${file} has ${JSON.stringify(runs)}, but ${JSON.stringify(found)} was stored.`);
  }
  return problems;
}

async function importAgain(api: ApiClient, file: string): Promise<readonly string[]> {
  heading("The same report again is the same run");
  const { outcome } = await importFile(api, file, await readSample(file));
  return outcome?.runs[0]?.duplicate === true ? [] : [`${file} was imported a second time.`];
}

async function importHalf(api: ApiClient, file: string): Promise<readonly string[]> {
  heading("A report that breaks off is refused and leaves nothing behind");
  const before = await api.runs();
  const report = await readSample(file);
  const { state } = await importFile(api, `half of ${file}`, report.subarray(0, report.length / 2));
  const after = await api.runs();
  return state === "FAILURE" && after.length === before.length ? [] : [`Half of ${file} was imported.`];
}

async function importFile(api: ApiClient, name: string, report: Uint8Array): Promise<Import> {
  const imported = await api.import(name, new Uint8Array(report));
  importLine(name, imported);
  return imported;
}

/** Nothing is old enough yet to be pruned. */
async function maintain(): Promise<void> {
  heading("Maintenance tasks");
  fact("prune_old_files(3)", `${String(await valueOf(pruneOldFiles.delay(3)))} files`);
  fact("prune_old_results(5)", `${String(await valueOf(pruneOldResults.delay(5)))} results`);
  fact("prune_old_runs(12)", `${String(await valueOf(pruneOldRuns.delay(12)))} runs`);
  const { recounted, resent } = await valueOf(syncAbortedRuns.delay());
  fact("sync_aborted_runs()", `${String(recounted)} runs recounted, ${String(resent)} imports sent again`);
}

async function valueOf<Result>(sent: Promise<AsyncResult<Result>>): Promise<Result> {
  return (await sent).get({ timeoutMs: TASK_TIMEOUT_MS });
}
