import type { Command } from "commander";
import type { Celeriac } from "../../app/celeriac.ts";
import { ConfigError } from "../../app/config-error.ts";
import { explainConfig, type ExplainedSetting } from "../../app/explain-config.ts";
import { hazardsOf, type Hazard } from "../../app/hazards.ts";
import type { GlobalOptions } from "../global-options.ts";
import { importTasksOf } from "../import-tasks.ts";
import { print, table } from "../output.ts";
import { withApp } from "../with-app.ts";

interface ConfigOptions extends GlobalOptions {
  readonly explain?: boolean;
  readonly json?: boolean;
}

export function addConfigCommand(program: Command): void {
  program
    .command("config")
    .description("Print the configuration as it takes effect, without secrets.")
    .option("--explain", "with where each value was given and what it overrides, and the hazards of the combination")
    .option(
      "--json",
      'print {option: value}; with --explain {"settings": [{"key", "value", …}], "hazards": [{"id", …}]}',
    )
    .addHelpText("after", HELP)
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ConfigOptions>();
      await withApp(options, async ({ app }) => {
        if (options.explain === true) await explain(app, options);
        else show(app, options);
      });
    });
}

const HELP = `
The command line beats the environment, which beats the code, which beats the defaults.
A hazard is a combination of options, each fine alone, that would hurt. A worker refuses to start with one that says "refuse",
unless acceptHazards names it, and --explain exits with 2. With -A the options of the app's tasks count too.

Examples:
  celeriac -A app.ts config --explain
  celeriac -A app.ts config --explain --json | jq '.hazards[].id'
  CELERY_WORKER_CONCURRENCY=4 celeriac -A app.ts config --json`;

function show({ resolution }: Celeriac, { json = false }: ConfigOptions): void {
  const settings = explainConfig(resolution);
  if (json) print(JSON.stringify(Object.fromEntries(settings.map(({ key, value }) => [key, value]))));
  else
    print(
      table(
        ["option", "value"],
        settings.map(({ key, value }) => [key, showValue(value)]),
      ),
    );
}

/** The settings come first, since they may tell why the app's tasks cannot be imported. Rejects with ConfigError where a worker would. */
async function explain(app: Celeriac, { json = false }: ConfigOptions): Promise<void> {
  const settings = explainConfig(app.resolution);
  if (!json) print(tableOf(settings));
  await importTasksOf(app);
  const hazards = hazardsOf(app.config, app.tasks.all());
  print(json ? JSON.stringify({ settings, hazards }) : listOf(hazards));
  const refused = hazards.filter(({ severity, isAccepted }) => severity === "refuse" && !isAccepted);
  if (refused.length > 0)
    throw new ConfigError(`A worker does not start with ${refused.map(({ id }) => id).join(", ")}.`);
}

function tableOf(settings: readonly ExplainedSetting[]): string {
  return table(
    ["option", "value", "source", "overrides"],
    settings.map(({ key, value, source, overrides }) => [key, showValue(value), source, overrides.join(", ")]),
  );
}

function listOf(hazards: readonly Hazard[]): string {
  const lines = hazards.map(({ id, severity, detail, isAccepted }) => {
    const what = isAccepted ? "accepted" : severity;
    return `  ${id}  ${what}\n    ${detail}`;
  });
  return ["", "hazards", ...(lines.length === 0 ? ["  none"] : lines)].join("\n");
}

function showValue(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
