import type { Command } from "commander";
import type { Celeriac } from "../../../app/celeriac.ts";
import type { GlobalOptions } from "../../global-options.ts";
import { print } from "../../output.ts";
import { requireBrokerFile } from "../../require-places.ts";
import { withApp } from "../../with-app.ts";

interface ResumeOptions extends GlobalOptions {
  readonly json?: boolean;
}

export function addResumeCommand(group: Command): void {
  group
    .command("resume")
    .description("Let workers take from paused queues again.")
    .argument("<queues...>", "names of queues")
    .option("--json", 'print {"resumed": [name, …], "notPaused": [name, …]}')
    .addHelpText("after", HELP)
    .action(async (names: readonly string[], _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ResumeOptions>();
      await withApp(options, ({ app }) => resume(app, [...new Set(names)], options));
    });
}

const HELP = `
Examples:
  celeriac -A app.ts queues resume mail
  celeriac -b redis://localhost queues resume mail reports`;

async function resume(app: Celeriac, names: readonly string[], { json }: ResumeOptions): Promise<void> {
  await requireBrokerFile(app);
  const resumed: string[] = [];
  const notPaused: string[] = [];
  for (const name of names) {
    const ended = await app.resumeQueue(name);
    (ended === undefined ? notPaused : resumed).push(name);
  }
  if (json === true) print(JSON.stringify({ resumed, notPaused }));
  else for (const name of names) print(`${name}: ${resumed.includes(name) ? "resumed" : "was not paused"}`);
}
