import { leaveOut } from "../left-out.ts";
import { output } from "../processes.ts";
import { pythonWithCelery } from "../python.ts";
import { installSystemPackages } from "../system-packages.ts";

/** Environment variable with the path of a Python that has Celery. Set to nothing, its tests are left out. */
const PYTHON = "CELERIAC_TEST_PYTHON";
const TESTS = "tests with Python's Celery";

/** Tells the tests in the environment where the Python with Celery is. Without it they are to be skipped. */
export async function setup(): Promise<void> {
  const named = process.env[PYTHON];
  if (named === "") leaveOut(TESTS, `${PYTHON} is set to nothing`);
  else if (named !== undefined) await checkCelery(named);
  else await findOrMake();
}

async function checkCelery(python: string): Promise<void> {
  try {
    await output(python, ["-c", "import celery"]);
  } catch (cause) {
    throw new Error(`${PYTHON} names no Python with Celery: ${python}`, { cause });
  }
}

async function findOrMake(): Promise<void> {
  try {
    await ensurePython();
    process.env[PYTHON] = await pythonWithCelery();
  } catch (error) {
    leaveOut(TESTS, error instanceof Error ? error.message : String(error));
  }
}

/** Debian has the `venv` module's better half in a package of its own. */
async function ensurePython(): Promise<void> {
  const isThere = await output("python3", ["-c", "import ensurepip, venv"]).then(
    () => true,
    () => false,
  );
  if (!isThere) await installSystemPackages(["python3", "python3-venv"], `the ${TESTS}`);
}
