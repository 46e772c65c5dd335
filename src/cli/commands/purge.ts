import type { Command } from "commander";
import type { Celeriac } from "../../app/celeriac.ts";
import { isConfirmed } from "../confirm.ts";
import type { GlobalOptions } from "../global-options.ts";
import { requireQueues } from "../known-queues.ts";
import { nameList } from "../option-values.ts";
import { counted, print } from "../output.ts";
import { requireBrokerFile } from "../require-places.ts";
import { withApp } from "../with-app.ts";

interface PurgeOptions extends GlobalOptions {
  readonly force?: boolean;
  readonly queues?: readonly string[];
  readonly json?: boolean;
}

export function addPurgeCommand(program: Command): void {
  program
    .command("purge")
    .description("Delete the messages that wait in queues. There is no undo.")
    .option("-f, --force", "do not ask")
    .option("-Q, --queues <names>", "these queues, with commas, in place of all of the app's", (text) =>
      nameList("--queues", text),
    )
    .option("--json", 'print {"purged": number, "queues": {name: number}}')
    .addHelpText("after", HELP)
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<PurgeOptions>();
      await withApp(options, ({ app }) => purge(app, options));
    });
}

const HELP = `
Deletes what is ready or delayed; what a worker holds stays with it.

Examples:
  celeriac -A app.ts purge
  celeriac -A app.ts purge -f -Q reports,mail`;

async function purge(app: Celeriac, options: PurgeOptions): Promise<void> {
  await requireBrokerFile(app);
  const broker = await app.broker();
  const names = options.queues ?? app.queues.names();
  await requireQueues(app, names);
  const question = `Delete every message that waits in ${names.join(", ")}?`;
  if (!(await isConfirmed({ what: "purge", question, force: options.force }))) return;
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = await broker.purge(name);
  const purged = Object.values(counts).reduce((sum, count) => sum + count, 0);
  print(options.json === true ? JSON.stringify({ purged, queues: counts }) : sentence(purged, names));
}

function sentence(purged: number, names: readonly string[]): string {
  return `Deleted ${counted(purged, "message")} from ${names.join(", ")}.`;
}
