import type { Command } from "commander";
import type { Celeriac } from "../../app/celeriac.ts";
import type { SendOptions } from "../../app/send-options.ts";
import { encodeJson } from "../../message/json.ts";
import { EXIT_CODES_HELP } from "../exit-codes.ts";
import type { GlobalOptions } from "../global-options.ts";
import { durationMs, jsonArray, jsonObject, moment, momentOrDuration, wholeNumber } from "../option-values.ts";
import { print } from "../output.ts";
import { requireResults, withApp } from "../with-app.ts";

interface CallOptions extends GlobalOptions {
  readonly args?: readonly unknown[];
  readonly kwargs?: Readonly<Record<string, unknown>>;
  readonly countdown?: number;
  readonly eta?: Date;
  readonly expires?: Date | number;
  readonly priority?: number;
  readonly queue?: string;
  readonly exchange?: string;
  readonly routingKey?: string;
  /** Milliseconds. */
  readonly wait?: number;
  readonly json?: boolean;
}

export function addCallCommand(program: Command): void {
  program
    .command("call")
    .description("Send a call by name; print its id, or with --wait its result.")
    .argument("<name>", "the task's name")
    .option("-a, --args <json>", "arguments by position, a JSON array", (text) => jsonArray("--args", text))
    .option("-k, --kwargs <json>", "arguments by name, a JSON object", (text) => jsonObject("--kwargs", text))
    .option("--countdown <seconds>", "start no sooner than in so many seconds", (text) =>
      durationMs("--countdown", text),
    )
    .option("--eta <time>", "start no sooner than at this time, ISO 8601", (text) => moment("--eta", text))
    .option("--expires <seconds|time>", "do not start later", (text) => momentOrDuration("--expires", text))
    .option("--queue <name>", "send to this queue")
    .option("--exchange <name>", "send to this exchange")
    .option("--routing-key <key>", "with this routing key")
    .option("--priority <0-9>", "which end comes first is the broker's affair", (text) =>
      wholeNumber("--priority", text),
    )
    .option("--wait <seconds>", "wait for the result and print it as JSON", (text) => durationMs("--wait", text))
    .option("--json", 'print {"id": …} in place of the bare id')
    .addHelpText("after", HELP)
    .action(async (name: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<CallOptions>();
      await withApp(options, ({ app }) => call(app, name, options));
    });
}

const HELP = `
Without -A the call goes by its name alone, to the broker of -b or CELERY_BROKER_URL. With -A the arguments of a task of the
app are checked before anything is sent.
${EXIT_CODES_HELP}

Examples:
  celeriac -A app.ts call quickstart.add --args '[1, 2]' --wait 10
  celeriac -A app.ts call quickstart.greet -k '{"name": "Ada"}' --countdown 60
  celeriac -b sqlite:/var/lib/app/celeriac.db call any.name -a '[1]' --queue reports --expires 3600`;

async function call(app: Celeriac, name: string, options: CallOptions): Promise<void> {
  const { args = [], kwargs = {}, wait: timeoutMs, json = false } = options;
  if (timeoutMs !== undefined) requireResults(app, "--wait");
  const result = await app.sendTask(name, { args, kwargs, ...sendOptions(options) });
  if (timeoutMs !== undefined) print(encodeJson(await result.get({ timeoutMs }), "result"));
  else print(json ? JSON.stringify({ id: result.id }) : result.id);
}

function sendOptions({
  countdown: countdownMs,
  eta,
  expires,
  priority,
  queue,
  exchange,
  routingKey,
}: CallOptions): SendOptions {
  const options = { countdownMs, eta, expires, priority, queue, exchange, routingKey };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
