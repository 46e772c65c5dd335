import type { Command } from "commander";
import type { Celeriac } from "../../app/celeriac.ts";
import { importTaskModules } from "../../worker/import-tasks.ts";
import { UsageError } from "../errors.ts";
import type { GlobalOptions } from "../global-options.ts";
import { print } from "../output.ts";
import { allowTypeScript, isTypeScript } from "../typescript.ts";
import { withApp } from "../with-app.ts";

interface TasksOptions extends GlobalOptions {
  readonly json?: boolean;
}

export function addTasksCommand(program: Command): void {
  program
    .command("tasks")
    .description("Print the names of the tasks that the app's workers run.")
    .option("--json", 'print {"tasks": [name, …]}')
    .addHelpText("after", HELP)
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<TasksOptions>();
      if (options.app === undefined) throw new UsageError("Whose tasks? celeriac -A path/to/app.ts tasks");
      const tasks = await withApp(options, ({ app }) => runnableTasks(app));
      if (options.json === true) print(JSON.stringify({ tasks }));
      else for (const name of tasks) print(name);
    });
}

const HELP = `
Examples:
  celeriac -A app.ts tasks
  celeriac -A app.ts tasks --json`;

async function runnableTasks(app: Celeriac): Promise<readonly string[]> {
  const { include } = app.config;
  if (include.some(isTypeScript)) await allowTypeScript();
  await importTaskModules(include);
  return app.tasks.runnable();
}
