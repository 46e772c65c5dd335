import { execFile } from "node:child_process";
import { access, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/** A Python with one of the Celerys that the tests speak with. */
export interface PythonPeer {
  /** Shown in the names of tests. */
  readonly name: string;
  /** Environment variable with the path of a Python that has it. Set to nothing, its tests are left out. */
  readonly variable: string;
  /** Its environment, below `.cache`. */
  readonly folder: string;
  /** What pip installs. */
  readonly packages: readonly string[];
  /** What can be imported then. */
  readonly modules: readonly string[];
}

export const NEWEST_CELERY: PythonPeer = {
  name: "Celery 5.7",
  variable: "CELERIAC_TEST_PYTHON",
  folder: "python-celery-5.7.0-redis",
  packages: ["celery==5.7.0", "kombu[redis]==5.7.0", "redis==7.1.0"],
  modules: ["celery", "redis"],
};

/** The versions of Debian 12, but for billiard: Debian patches Celery to go with a newer one. */
export const DEBIAN_CELERY: PythonPeer = {
  name: "Celery 5.2 of Debian 12",
  variable: "CELERIAC_TEST_PYTHON_DEBIAN",
  folder: "python-celery-5.2.6-redis",
  packages: [
    ...["celery==5.2.6", "kombu==5.2.4", "billiard==3.6.4.0", "redis==4.3.4"],
    ...["amqp==5.1.1", "vine==5.0.0", "click==8.1.3"],
  ],
  modules: ["celery", "redis"],
};

/** The newest, with Flower and with what Celery's own tests need. */
export const CELERY_TOOLS: PythonPeer = {
  name: "Flower 2.2 and Celery's own tests",
  variable: "CELERIAC_TEST_PYTHON_TOOLS",
  folder: "python-celery-5.7.0-flower-2.2.0",
  packages: [
    ...NEWEST_CELERY.packages,
    ...["flower==2.2.0", "tornado==6.6.1", "prometheus-client==0.26.0", "humanize==4.17.0"],
    ...["pytest==9.2.0", "pytest-timeout==2.4.0", "pydantic==2.14.3"],
  ],
  modules: ["celery", "redis", "flower", "pytest", "pytest_timeout", "pydantic"],
};

/** The newest, in a Django whose results are in a Postgres. */
export const DJANGO_RESULTS: PythonPeer = {
  name: "Django and django-celery-results 2.6",
  variable: "CELERIAC_TEST_PYTHON_DJANGO",
  folder: "python-celery-5.7.0-django-celery-results-2.6.0",
  packages: [
    ...["celery==5.7.0", "kombu==5.7.0", "django-celery-results==2.6.0"],
    ...["Django==5.2.19", "asgiref==3.13.0", "sqlparse==0.6.1", "psycopg2-binary==2.9.13"],
  ],
  modules: ["celery", "django", "django_celery_results", "psycopg2"],
};

/** Those that every test with Python runs against. */
export const PYTHON_PEERS: readonly PythonPeer[] = [NEWEST_CELERY, DEBIAN_CELERY];

/** The path of the peer's Python, found or made by test/support/global/python.ts; empty where there is none to be had. */
export function pythonOf({ variable }: PythonPeer): string {
  return process.env[variable] ?? "";
}

/** What is fetched once and kept. */
export const CACHE: string = join(import.meta.dirname, "../../.cache");

/**
 * The path of a Python that has the peer's Celery. The first call ever makes it, which takes some seconds and needs `python3` with its `venv`
 * module, and a package index for pip.
 */
export async function makePython(peer: PythonPeer): Promise<string> {
  const venv = join(CACHE, peer.folder);
  const python = join(venv, "bin/python");
  if (await exists(python)) return python;
  const unfinished = `${venv}.${process.pid}`;
  await mkdir(CACHE, { recursive: true });
  try {
    await fill(unfinished, peer);
    await publish(unfinished, venv);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return python;
}

async function fill(venv: string, { name, packages }: PythonPeer): Promise<void> {
  const python = join(venv, "bin/python");
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...packages];
  await run("python3", ["-m", "venv", venv], "python3 with its venv module (Debian: apt-get install python3-venv)");
  await run(python, pip, `the Python packages ${packages.join(" ")} from pip`);
  await run(python, ["-m", "celery", "--version"], `a python3 that ${name} runs on`);
}

/** A rename shows a folder to others only when it is whole; of two processes that make one at once, the later's is not needed. */
export async function publish(unfinished: string, folder: string): Promise<void> {
  try {
    await rename(unfinished, folder);
  } catch (error) {
    if (!(await exists(folder))) throw error;
  }
}

async function run(command: string, args: readonly string[], needed: string): Promise<void> {
  try {
    await promisify(execFile)(command, args);
  } catch (error) {
    throw new Error(`The interop tests need ${needed}, which could not be had: ${String(error)}`, { cause: error });
  }
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
