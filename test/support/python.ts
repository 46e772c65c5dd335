import { execFile } from "node:child_process";
import { access, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/** The Celery that the interop tests speak with. */
const CELERY_VERSION = "5.7.0";
const PACKAGES = [`celery==${CELERY_VERSION}`, "kombu[redis]==5.7.0", "redis==7.1.0"];

const REPOSITORY = join(import.meta.dirname, "../..");
const VENV = join(REPOSITORY, `.cache/python-celery-${CELERY_VERSION}-redis`);

let python: Promise<string> | undefined;

/**
 * The path of a Python that has Celery. The first call ever makes it, which takes some seconds and needs `python3` with its `venv`
 * module, and a package index for pip.
 */
export function pythonWithCelery(): Promise<string> {
  python ??= findOrCreate();
  return python;
}

async function findOrCreate(): Promise<string> {
  const path = join(VENV, "bin/python");
  if (await exists(path)) return path;
  const unfinished = `${VENV}.${process.pid}`;
  await mkdir(join(REPOSITORY, ".cache"), { recursive: true });
  await run(
    "python3",
    ["-m", "venv", unfinished],
    "python3 with its venv module (Debian: apt-get install python3-venv)",
  );
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...PACKAGES];
  await run(join(unfinished, "bin/python"), pip, `the Python packages ${PACKAGES.join(" ")} from pip`);
  await publish(unfinished);
  return path;
}

/** A rename shows the environment to others only when it is whole; of two processes that make one at once, the later drops its own. */
async function publish(unfinished: string): Promise<void> {
  try {
    await rename(unfinished, VENV);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    if (!(await exists(VENV))) throw error;
  }
}

async function run(command: string, args: readonly string[], needed: string): Promise<void> {
  try {
    await promisify(execFile)(command, args);
  } catch (error) {
    throw new Error(`The interop tests need ${needed}, which could not be had: ${String(error)}`, { cause: error });
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
