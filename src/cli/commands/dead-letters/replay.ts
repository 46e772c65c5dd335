import type { Command } from "commander";
import type { Celeriac } from "../../../app/celeriac.ts";
import type { GlobalOptions } from "../../global-options.ts";
import { counted, print } from "../../output.ts";
import { requireBrokerFile } from "../../require-places.ts";
import { withApp } from "../../with-app.ts";
import { actOn, refuseUnknown, selectionOf, type SelectionOptions } from "./selection.ts";

interface ReplayOptions extends GlobalOptions, SelectionOptions {
  readonly to?: string;
  readonly json?: boolean;
}

export function addReplayCommand(group: Command): void {
  group
    .command("replay")
    .description("Put dead letters back into their queues, as if they were new.")
    .argument("[ids...]", "what `dead-letters list` printed")
    .option("--all", "all of them, or those that --queue and --reason leave")
    .option("--queue <name>", "with --all: only those from this queue")
    .option("--reason <code>", "with --all: only those that died for this reason")
    .option("--to <queue>", "into this queue in place of their own")
    .option("--json", 'print {"replayed": number, "unknown": [id, …]}')
    .addHelpText("after", HELP)
    .action(async (ids: readonly string[], _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ReplayOptions>();
      await withApp(options, ({ app }) => replay(app, ids, options));
    });
}

const HELP = `
Ids that name no dead letter are told, and the exit code is 1; the others are replayed.

Examples:
  celeriac -A app.ts dead-letters replay 12 13
  celeriac -b sqlite:celeriac.db dead-letters replay --all --queue reports --reason delivery-limit
  celeriac -b sqlite:celeriac.db dead-letters replay 12 --to quarantine`;

async function replay(app: Celeriac, ids: readonly string[], options: ReplayOptions): Promise<void> {
  const selection = selectionOf("replay", ids, options);
  await requireBrokerFile(app);
  const broker = await app.broker();
  const { count, unknown } = await actOn(selection, (some) => broker.replay(some, { queue: options.to }));
  const where = options.to === undefined ? "" : ` to ${options.to}`;
  print(
    options.json === true
      ? JSON.stringify({ replayed: count, unknown })
      : `Replayed ${counted(count, "message")}${where}.`,
  );
  refuseUnknown(unknown);
}
