import type { Command } from "commander";
import type { Celeriac } from "../../app/celeriac.ts";
import type { SendOptions } from "../../app/send-options.ts";
import { Signature } from "../../canvas/signature.ts";
import { encodeJson } from "../../message/json.ts";
import { suggest } from "../../util/suggest.ts";
import { EXIT_CODES_HELP } from "../exit-codes.ts";
import type { GlobalOptions } from "../global-options.ts";
import { durationMs, jsonArray, jsonObject, moment, momentOrDuration, wholeNumber } from "../option-values.ts";
import { print, remark } from "../output.ts";
import { requireResults, requireSharedBroker } from "../require-places.ts";
import { explainTimeout } from "../waited-in-vain.ts";
import { withApp } from "../with-app.ts";

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
  const { wait: timeoutMs, json = false } = options;
  requireSharedBroker(app);
  if (timeoutMs !== undefined) requireResults(app, "--wait");
  const { args = [], kwargs = {} } = options;
  const signature = new Signature({ task: name, args, kwargs, options: sendOptions(options) });
  const [result] = await app.sendBatch([signature]);
  if (options.quiet !== true) remarkUnknownTask(app, name, options.app);
  if (timeoutMs === undefined) {
    print(json ? JSON.stringify({ id: result.id }) : result.id);
    return;
  }
  const value = await result.get({ timeoutMs }).catch((error: unknown) => explainTimeout(error, app, signature));
  print(encodeJson(value, "result"));
}

/** Says nothing of an app whose tasks are elsewhere: in modules that only a worker imports, or in another program. */
function remarkUnknownTask(app: Celeriac, name: string, file = ""): void {
  const known = app.tasks.runnable();
  if (known.length === 0 || app.config.include.length > 0 || app.tasks.get(name) !== undefined) return;
  const meant = suggest(name, known);
  const hint = meant === undefined ? "." : `; did you mean ${meant}?`;
  remark(`${file} defines no task ${name}${hint} It is sent all the same.`);
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
