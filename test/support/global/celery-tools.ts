import { provideCelerySource } from "../celery-source.ts";
import { leaveOut } from "../left-out.ts";
import { CELERY_TOOLS, pythonOf } from "../python.ts";
import { providePython } from "./python.ts";

/** Tells the tests in the environment where the Python with Flower and pytest is, and Celery's own tests. */
export async function setup(): Promise<void> {
  await providePython(CELERY_TOOLS);
  const python = pythonOf(CELERY_TOOLS);
  if (python === "") return;
  try {
    await provideCelerySource(python);
  } catch (error) {
    leaveOut("Celery's own tests", error instanceof Error ? error.message : String(error));
  }
}
