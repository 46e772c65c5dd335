import type { Command } from "commander";
import { silentLogger } from "../../util/logger.ts";
import type { GlobalOptions } from "../global-options.ts";
import { counted, print, remark } from "../output.ts";
import { requireBrokerFile } from "../require-places.ts";
import { lookOnce } from "../top/cluster-watch.ts";
import { DISABLE_EVENTS, renderTop } from "../top/render-top.ts";
import { runTop } from "../top/run-top.ts";
import type { TopSnapshot } from "../top/snapshot.ts";
import { FIRST_CHOICES } from "../top/top-keys.ts";
import { withApp } from "../with-app.ts";

interface TopOptions extends GlobalOptions {
  readonly once?: boolean;
  readonly json?: boolean;
}

export function addTopCommand(program: Command): void {
  program
    .command("top")
    .description("Watch workers, queues and tasks in the terminal.")
    .option("--once", "print how it is now, and exit; so too where there is no terminal")
    .option("-j, --json", 'print {"time", "broker", "workers", "queues", "running"}, and exit')
    .addHelpText("after", HELP)
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<TopOptions>();
      if (options.once === true || options.json === true || !process.stdout.isTTY) await printOnce(options);
      else await watch(options);
    });
}

const HELP = `
Keys: q and Ctrl-C quit, tab or w, u, t choose workers, queues or tasks, the arrows scroll, r shows running or latest tasks, p pauses.
Workers are told to send the events of their tasks (enable_events), and go on to; ${DISABLE_EVENTS} ends it.
--once and --json change nothing: they show the tasks that run, and no others.

Examples:
  celeriac -A app.ts top
  celeriac -b redis://localhost:6379/0 top --json | jq '.workers[] | select(.state != "up")'`;

async function printOnce(options: TopOptions): Promise<void> {
  const snapshot = await withApp(options, async ({ app }) => {
    await requireBrokerFile(app);
    return lookOnce(app);
  });
  print(options.json === true ? asJson(snapshot) : asText(snapshot));
}

function asText(snapshot: TopSnapshot): string {
  const view = { ...FIRST_CHOICES, columns: Infinity, rows: Infinity, enabled: [], keys: "" };
  return renderTop(snapshot, view)
    .map(({ text }) => text)
    .join("\n");
}

/** What JSON leaves as it is, but a terminal might obey, is escaped. */
function asJson({ time, broker, workers, queues, running }: TopSnapshot): string {
  const json = JSON.stringify({ time, broker, workers, queues, running });
  return json.replace(/[\u007f-\u009f]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`);
}

async function watch(options: TopOptions): Promise<void> {
  const enabled = await withApp(options, async ({ app, log }) => {
    await requireBrokerFile(app);
    if (app.log === log) app.log = silentLogger; // a line of it would stand in the middle of the screen
    return runTop(app);
  });
  if (enabled.length === 0 || options.quiet === true) return;
  remark(`celeriac: task events are on in ${counted(enabled.length, "worker")} now; off again: ${DISABLE_EVENTS}`);
}
