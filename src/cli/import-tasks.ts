import type { Celeriac } from "../app/celeriac.ts";
import { importTaskModules } from "../worker/import-tasks.ts";
import { allowTypeScript, isTypeScript } from "./typescript.ts";

/** Imports the task modules of an app's `include`, and those of further globs. Rejects with TaskImportError. */
export async function importTasksOf(app: Celeriac, further: readonly string[] = []): Promise<void> {
  const modules = [...app.config.include, ...further];
  if (modules.some(isTypeScript)) await allowTypeScript();
  await importTaskModules(modules);
}
