import type { Command } from "commander";
import { countQueues, type QueueLine } from "../count-queues.ts";
import { describePause } from "../describe-pause.ts";
import type { GlobalOptions } from "../global-options.ts";
import { print, table } from "../output.ts";
import { requireBrokerFile } from "../require-places.ts";
import { withApp } from "../with-app.ts";
import { addPauseCommand } from "./queues/pause.ts";
import { addResumeCommand } from "./queues/resume.ts";

interface QueuesOptions extends GlobalOptions {
  readonly json?: boolean;
}

export function addQueuesCommand(program: Command): void {
  const group = program
    .command("queues")
    .description("Show the queues of the broker and how much is in them.")
    .option("--json", 'print {"queues": [{"name", "ready", "delayed", "unacked", "consumers", "paused"}]}')
    .addHelpText("after", HELP)
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<QueuesOptions>();
      const queues = await withApp(options, async ({ app }) => {
        await requireBrokerFile(app);
        return countQueues(app);
      });
      print(options.json === true ? JSON.stringify({ queues }) : tableOf(queues));
    });
  addPauseCommand(group);
  addResumeCommand(group);
}

const HELP = `
ready: may be taken now; delayed: not due yet; unacked: with a worker that has not settled it.
paused: no Celeriac worker takes anything from it, until \`queues resume\`.

Examples:
  celeriac -A app.ts queues
  celeriac -A app.ts queues pause mail --reason 'the mail server is down'
  celeriac -b sqlite:celeriac.db queues --json | jq '.queues[] | select(.ready > 1000)'`;

function tableOf(queues: readonly QueueLine[]): string {
  const isAnyPaused = queues.some(({ paused }) => paused !== null);
  const columns = ["name", "ready", "delayed", "unacked", "consumers"];
  const rows = queues.map(({ name, ready, delayed, unacked, consumers, paused }) => {
    const cells = [name, ...[ready, delayed, unacked, consumers].map((count) => count ?? "?")];
    return isAnyPaused ? [...cells, describePause(paused)] : cells;
  });
  return table(isAnyPaused ? [...columns, ""] : columns, rows);
}
