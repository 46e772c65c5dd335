import type { Command } from "commander";
import type { Celeriac } from "../../app/celeriac.ts";
import type { PreviewedRetry } from "../../app/retry-rules.ts";
import { formatDuration } from "../../util/duration.ts";
import { UsageError } from "../errors.ts";
import type { GlobalOptions } from "../global-options.ts";
import { importTasksOf } from "../import-tasks.ts";
import { print, table } from "../output.ts";
import { withApp } from "../with-app.ts";

interface TasksOptions extends GlobalOptions {
  readonly retries?: boolean;
  readonly json?: boolean;
}

export function addTasksCommand(program: Command): void {
  program
    .command("tasks")
    .description("Print the names of the tasks that the app's workers run.")
    .option("--retries", "with how often each is retried, after which delays, and when the last retry comes")
    .option("--json", 'print {"tasks": [name, …]}; with --retries {"tasks": [{"name", "maxRetries", "retries"}]}')
    .addHelpText("after", HELP)
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<TasksOptions>();
      if (options.app === undefined) throw new UsageError("Whose tasks? celeriac -A path/to/app.ts tasks");
      await withApp(options, async ({ app }) => {
        await importTasksOf(app);
        if (options.retries === true) printRetries(app, options);
        else printNames(app, options);
      });
    });
}

const HELP = `
--retries tells the delays of the retry policy, from the least to the most where there is jitter; what a task or an error asks
for itself is not known before. "last by" counts from the end of the first run, the retries' own running times left out.

Examples:
  celeriac -A app.ts tasks
  celeriac -A app.ts tasks --retries
  celeriac -A app.ts tasks --json`;

function printNames(app: Celeriac, { json = false }: TasksOptions): void {
  const tasks = app.tasks.runnable();
  if (json) print(JSON.stringify({ tasks }));
  else for (const name of tasks) print(name);
}

/** So many retries are previewed. */
const PREVIEWED = 100;
/** So many delays of them fit a line. */
const SHOWN_DELAYS = 5;

interface RetriedTask {
  readonly name: string;
  /** Null for no limit. */
  readonly maxRetries: number | null;
  readonly retries: readonly PreviewedRetry[];
}

function printRetries(app: Celeriac, { json = false }: TasksOptions): void {
  const tasks = app.tasks.runnable().map((name): RetriedTask => {
    const rules = app.retryRules(name);
    return { name, maxRetries: rules.maxRetries, retries: rules.preview(PREVIEWED) };
  });
  print(json ? JSON.stringify({ tasks }) : table(["task", "retries", "delays", "last by"], tasks.map(rowOf)));
}

function rowOf({ name, maxRetries, retries }: RetriedTask): readonly string[] {
  const delays = retries.slice(0, SHOWN_DELAYS).map(({ delayMs }) => showDelay(delayMs));
  const more = retries.length > SHOWN_DELAYS || maxRetries === null ? ["…"] : [];
  const isWhole = maxRetries !== null && maxRetries === retries.length;
  const last = retries.at(-1);
  return [
    name,
    maxRetries === null ? "no limit" : String(maxRetries),
    [...delays, ...more].join(" "),
    isWhole && last !== undefined ? formatDuration(last.latestMs) : "",
  ];
}

function showDelay([least, most]: PreviewedRetry["delayMs"]): string {
  return least === most ? formatDuration(most) : `${formatDuration(least)}–${formatDuration(most)}`;
}
