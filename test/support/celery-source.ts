import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { output } from "./processes.ts";
import { CACHE, exists, publish } from "./python.ts";

/** The release whose tests are run: that of the Python with Celery's tools. */
const RELEASE = "5.7.0";
/** Environment variable with the directory that has Celery's tests as `t/integration`. */
const VARIABLE = "CELERIAC_TEST_CELERY_SOURCE";

/** The directory with Celery's own tests, fetched by test/support/global/celery-tools.ts; empty where they are not to be had. */
export function celerySource(): string {
  return process.env[VARIABLE] ?? "";
}

/** Fetches Celery's source distribution unless it was fetched before, and keeps the tests of it: what they test is installed. Needs a package index for pip. */
export async function provideCelerySource(python: string): Promise<void> {
  const place = join(CACHE, `celery-source-${RELEASE}`);
  if (!(await exists(join(place, "t")))) await fetchTests(python, place);
  process.env[VARIABLE] = place;
}

async function fetchTests(python: string, place: string): Promise<void> {
  const unfinished = `${place}.${String(process.pid)}`;
  await mkdir(unfinished, { recursive: true });
  await mkdir(place, { recursive: true });
  try {
    const what = ["--no-deps", "--no-binary", "celery", `celery==${RELEASE}`];
    const pip = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check"];
    await output(python, [...pip, "--dest", unfinished, ...what]);
    await output(python, ["-m", "tarfile", "-e", join(unfinished, `celery-${RELEASE}.tar.gz`), unfinished]);
    await publish(join(unfinished, `celery-${RELEASE}`, "t"), join(place, "t"));
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}
