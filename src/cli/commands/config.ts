import type { Command } from "commander";
import { explainConfig, type ExplainedSetting } from "../../app/explain-config.ts";
import type { GlobalOptions } from "../global-options.ts";
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
    .option("--explain", "with the place where each value was given, and the places it overrides")
    .option("--json", 'print {option: value}; with --explain {"settings": [{"key", "value", "source", "overrides"}]}')
    .addHelpText("after", HELP)
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ConfigOptions>();
      const settings = await withApp(options, ({ app }) => Promise.resolve(explainConfig(app.resolution)));
      print(show(settings, options));
    });
}

const HELP = `
The command line beats the environment, which beats the code, which beats the defaults.

Examples:
  celeriac -A app.ts config --explain
  CELERY_WORKER_CONCURRENCY=4 celeriac -A app.ts config --json`;

function show(settings: readonly ExplainedSetting[], { explain = false, json = false }: ConfigOptions): string {
  if (json && explain) return JSON.stringify({ settings });
  if (json) return JSON.stringify(Object.fromEntries(settings.map(({ key, value }) => [key, value])));
  if (!explain)
    return table(
      ["option", "value"],
      settings.map(({ key, value }) => [key, showValue(value)]),
    );
  return table(
    ["option", "value", "source", "overrides"],
    settings.map(({ key, value, source, overrides }) => [key, showValue(value), source, overrides.join(", ")]),
  );
}

function showValue(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
