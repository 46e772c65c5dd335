import { leaveOut } from "../left-out.ts";
import { output } from "../processes.ts";
import { pythonWithCelery } from "../python.ts";
import { installSystemPackages } from "../system-packages.ts";

/** Tells the tests in the environment where the Python with Celery is. Without it they are to be skipped. */
export async function setup(): Promise<void> {
  try {
    await ensurePython();
    process.env["CELERIAC_TEST_PYTHON"] = await pythonWithCelery();
  } catch (error) {
    leaveOut("tests with Python's Celery", error instanceof Error ? error.message : String(error));
  }
}

/** Debian has the `venv` module's better half in a package of its own. */
async function ensurePython(): Promise<void> {
  const isThere = await output("python3", ["-c", "import ensurepip, venv"]).then(
    () => true,
    () => false,
  );
  if (!isThere) await installSystemPackages(["python3", "python3-venv"], "the tests with Python's Celery");
}
