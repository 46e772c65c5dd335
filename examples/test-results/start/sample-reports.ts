import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunCounts } from "../database/runs.ts";

const DIRECTORY = join(import.meta.dirname, "..", "reports");

/** Reports that real test runners wrote, with what is in them: see reports/README.md. */
export const SAMPLE_REPORTS: readonly { readonly file: string; readonly runs: readonly RunCounts[] }[] = [
  { file: "vitest-celeriac.xml", runs: [{ tests: 450, failures: 0, errors: 0, skipped: 0 }] },
  { file: "pytest-tabulate.xml", runs: [{ tests: 319, failures: 0, errors: 0, skipped: 39 }] },
  { file: "pytest-tabulate-old-tests.xml.gz", runs: [{ tests: 284, failures: 15, errors: 0, skipped: 37 }] },
  {
    file: "nightly.tar.gz",
    runs: [
      { tests: 2, failures: 0, errors: 2, skipped: 0 },
      { tests: 202, failures: 0, errors: 0, skipped: 1 },
    ],
  },
];

export function readSample(file: string): Promise<Buffer> {
  return readFile(join(DIRECTORY, file));
}
