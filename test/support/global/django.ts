import { DJANGO_RESULTS } from "../python.ts";
import { providePython } from "./python.ts";

/** Tells the tests in the environment where the Python with Django is. */
export async function setup(): Promise<void> {
  await providePython(DJANGO_RESULTS);
}
