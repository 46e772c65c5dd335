import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { glob } from "tinyglobby";
import { TaskImportError } from "../app/errors.ts";

/** Imports the modules that `globs` name, in the order of their paths. Rejects with TaskImportError for one that fails, and for a glob that names none. */
export async function importTaskModules(globs: readonly string[], directory: string = process.cwd()): Promise<void> {
  for (const pattern of globs) {
    const files = await glob(pattern, { cwd: directory, absolute: true });
    if (files.length === 0) {
      throw new TaskImportError(pattern, { cause: new Error(`nothing in ${directory} has that name`) });
    }
    for (const file of files.sort()) await importModule(resolve(directory, file));
  }
}

async function importModule(file: string): Promise<void> {
  try {
    await import(pathToFileURL(file).href);
  } catch (cause) {
    throw new TaskImportError(file, { cause });
  }
}
