import { hostname, userInfo } from "node:os";
import type { Command } from "commander";
import type { Celeriac } from "../../../app/celeriac.ts";
import type { QueuePause } from "../../../app/queue-pauses.ts";
import { isDict } from "../../../message/fields.ts";
import type { GlobalOptions } from "../../global-options.ts";
import { requireQueues } from "../../known-queues.ts";
import { print, remark } from "../../output.ts";
import { requireBrokerFile } from "../../require-places.ts";
import { withApp } from "../../with-app.ts";
import { describePause, pauseJson } from "../../describe-pause.ts";

interface PauseCommandOptions extends GlobalOptions {
  readonly reason?: string;
  readonly json?: boolean;
}

export function addPauseCommand(group: Command): void {
  group
    .command("pause")
    .description("Keep all Celeriac workers from taking anything from queues.")
    .argument("<queues...>", "names of queues")
    .option("--reason <text>", "why, for those who look at the queues")
    .option("--json", 'print {"paused": {name: {"since", "by", "reason"}}}')
    .addHelpText("after", HELP)
    .action(async (names: readonly string[], _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<PauseCommandOptions>();
      await withApp(options, ({ app }) => pause(app, [...new Set(names)], options));
    });
}

const HELP = `
What is sent waits, and what has begun is finished. It holds until \`queues resume\`, also for workers that start later. A queue that is
paused already keeps its pause. Workers in Python know no pauses: those that answer and go on are told.

Examples:
  celeriac -A app.ts queues pause mail --reason 'the mail server is down'
  celeriac -b redis://localhost queues pause mail reports`;

async function pause(app: Celeriac, names: readonly string[], { reason, json }: PauseCommandOptions): Promise<void> {
  await requireBrokerFile(app);
  await requireQueues(app, names);
  const by = `${userName()}@${hostname()}`;
  const pauses: [name: string, pause: QueuePause][] = [];
  for (const name of names) pauses.push([name, await app.pauseQueue(name, { reason, by })]);
  if (json === true)
    print(JSON.stringify({ paused: Object.fromEntries(pauses.map(([name, told]) => [name, pauseJson(told)])) }));
  else for (const [name, told] of pauses) print(`${name}: ${describePause(pauseJson(told))}`);
  for (const [node, name] of await goingOn(app, names)) {
    remark(
      `${node} goes on with "${name}": it knows no pauses. It stops with: celeriac control cancel_consumer ${name} -d ${node}`,
    );
  }
}

/** A user that has no name, as in some containers, has a number. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? "somebody");
  }
}

/** Workers of another kind that consume from the queues, as far as they answer: ours alone tell how they are. */
async function goingOn(
  app: Celeriac,
  names: readonly string[],
): Promise<readonly (readonly [node: string, queue: string])[]> {
  const { broadcaster } = await app.broker();
  if (broadcaster === undefined) return [];
  const [consuming, ours] = await Promise.all([
    app.control.ask("active_queues"),
    app.control.ask("ping", { liveness: true }),
  ]);
  return [...consuming].flatMap(([node, queues]) => {
    const answer = ours.get(node);
    if (isDict(answer) && Object.hasOwn(answer, "liveness")) return [];
    const entries = Array.isArray(queues) ? (queues as readonly unknown[]).filter(isDict) : [];
    return names.filter((name) => entries.some((entry) => entry["name"] === name)).map((name) => [node, name] as const);
  });
}
