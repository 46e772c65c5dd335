import type { Command } from "commander";
import type { Celeriac } from "../../../app/celeriac.ts";
import { isConfirmed } from "../../confirm.ts";
import type { GlobalOptions } from "../../global-options.ts";
import { counted, print } from "../../output.ts";
import { requireBrokerFile } from "../../require-places.ts";
import { withApp } from "../../with-app.ts";
import { actOn, inWords, refuseUnknown, selectionOf, type SelectionOptions } from "./selection.ts";

interface DropOptions extends GlobalOptions, SelectionOptions {
  readonly force?: boolean;
  readonly json?: boolean;
}

export function addDropCommand(group: Command): void {
  group
    .command("drop")
    .description("Delete dead letters. There is no undo.")
    .argument("[ids...]", "what `dead-letters list` printed")
    .option("--all", "all of them, or those that --queue and --reason leave; asks first")
    .option("--queue <name>", "with --all: only those from this queue")
    .option("--reason <code>", "with --all: only those that died for this reason")
    .option("-f, --force", "do not ask")
    .option("--json", 'print {"dropped": number, "unknown": [id, …]}')
    .addHelpText("after", HELP)
    .action(async (ids: readonly string[], _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<DropOptions>();
      await withApp(options, ({ app }) => drop(app, ids, options));
    });
}

const HELP = `
Ids that name no dead letter are told, and the exit code is 1; the others are dropped.

Examples:
  celeriac -A app.ts dead-letters drop 12 13
  celeriac -b sqlite:celeriac.db dead-letters drop --all -f --queue reports --reason unreadable`;

async function drop(app: Celeriac, ids: readonly string[], options: DropOptions): Promise<void> {
  const selection = selectionOf("drop", ids, options);
  await requireBrokerFile(app);
  if (options.all === true) {
    const question = `Delete ${inWords(options)}?`;
    if (!(await isConfirmed({ what: "drop --all", question, force: options.force }))) return;
  }
  const broker = await app.broker();
  const { count, unknown } = await actOn(selection, (some) => broker.drop(some));
  print(options.json === true ? JSON.stringify({ dropped: count, unknown }) : `Dropped ${counted(count, "message")}.`);
  refuseUnknown(unknown);
}
