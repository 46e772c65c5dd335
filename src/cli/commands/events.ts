import type { Command } from "commander";
import type { ReceivedEvent } from "../../events/event-receiver.ts";
import { encodeJson } from "../../message/json.ts";
import { UsageError } from "../errors.ts";
import { EventDump } from "../event-dump.ts";
import type { GlobalOptions } from "../global-options.ts";
import { print } from "../output.ts";
import { requireBrokerFile } from "../require-places.ts";
import { untilInterrupted } from "../until-interrupted.ts";
import { withApp } from "../with-app.ts";

interface EventsOptions extends GlobalOptions {
  readonly dump?: boolean;
  readonly json?: boolean;
}

export function addEventsCommand(program: Command): void {
  program
    .command("events")
    .description("Print what workers and producers tell of themselves and of tasks, as it happens.")
    .option("-d, --dump", "print a line for each event")
    .option("--json", "print each event as JSON")
    .addHelpText("after", HELP)
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<EventsOptions>();
      if (options.dump !== true && options.json !== true)
        throw new UsageError("How are events to be shown? celeriac events --dump, or --json.");
      await showEvents(options);
    });
}

const HELP = `
Workers tell of themselves, and of tasks where they are started with -E. Ctrl-C ends it.

Examples:
  celeriac -A app.ts events --dump
  celeriac -b redis://localhost:6379/0 events --json | jq 'select(.type == "task-failed")'`;

function showEvents(options: EventsOptions): Promise<void> {
  return withApp(options, async ({ app }) => {
    await requireBrokerFile(app);
    await using receiver = await app.events();
    using _interrupted = untilInterrupted(() => void receiver[Symbol.asyncDispose]());
    const show = options.json === true ? showAsJson : showAsDump();
    for await (const event of receiver) show(event);
  });
}

function showAsJson(event: ReceivedEvent): void {
  print(encodeJson(event));
}

function showAsDump(): (event: ReceivedEvent) => void {
  print("-> evdump: starting capture...");
  const dump = new EventDump();
  return (event) => print(dump.line(event));
}
