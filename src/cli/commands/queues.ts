import type { Command } from "commander";
import type { Celeriac } from "../../app/celeriac.ts";
import type { QueueDepth } from "../../broker/broker.ts";
import type { GlobalOptions } from "../global-options.ts";
import { print, table } from "../output.ts";
import { requireBrokerFile } from "../require-places.ts";
import { withApp } from "../with-app.ts";

interface QueuesOptions extends GlobalOptions {
  readonly json?: boolean;
}

interface QueueLine extends Omit<QueueDepth, "consumers"> {
  readonly name: string;
  /** Null where the broker cannot tell. */
  readonly consumers: number | null;
}

export function addQueuesCommand(program: Command): void {
  program
    .command("queues")
    .description("Show the queues of the broker and how much is in them.")
    .option("--json", 'print {"queues": [{"name", "ready", "delayed", "unacked", "consumers"}]}')
    .addHelpText("after", HELP)
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<QueuesOptions>();
      const queues = await withApp(options, ({ app }) => countQueues(app));
      print(options.json === true ? JSON.stringify({ queues }) : tableOf(queues));
    });
}

const HELP = `
ready: may be taken now; delayed: not due yet; unacked: with a worker that has not settled it.

Examples:
  celeriac -A app.ts queues
  celeriac -b sqlite:celeriac.db queues --json | jq '.queues[] | select(.ready > 1000)'`;

/** Every queue that the broker has, and the app's own even before they are used. */
async function countQueues(app: Celeriac): Promise<readonly QueueLine[]> {
  await requireBrokerFile(app);
  const broker = await app.broker();
  const names = new Set([...(await broker.queueNames()), ...app.queues.names()]);
  return Promise.all(
    [...names].sort().map(async (name) => {
      const { ready, delayed, unacked, consumers } = (await broker.inspect(name)) ?? NOT_USED_YET;
      return { name, ready, delayed, unacked, consumers: consumers ?? null };
    }),
  );
}

const NOT_USED_YET: QueueDepth = { ready: 0, delayed: 0, unacked: 0, consumers: 0 };

function tableOf(queues: readonly QueueLine[]): string {
  const rows = queues.map(({ name, ready, delayed, unacked, consumers }) => [
    name,
    ready,
    delayed,
    unacked,
    consumers ?? "?",
  ]);
  return table(["name", "ready", "delayed", "unacked", "consumers"], rows);
}
