import { Command, CommanderError } from "commander";
import { addCallCommand } from "./commands/call.ts";
import { addConfigCommand } from "./commands/config.ts";
import { addDeadLettersCommand } from "./commands/dead-letters.ts";
import { addEventsCommand } from "./commands/events.ts";
import { addPostgresCommand } from "./commands/postgres.ts";
import { addPurgeCommand } from "./commands/purge.ts";
import { addQueuesCommand } from "./commands/queues.ts";
import { addRemoteCommands } from "./commands/remote.ts";
import { addResultCommand } from "./commands/result.ts";
import { addRevokeCommand } from "./commands/revoke.ts";
import { addTasksCommand } from "./commands/tasks.ts";
import { addTopCommand } from "./commands/top.ts";
import { addWorkerCommand } from "./commands/worker.ts";
import { UsageError } from "./errors.ts";
import { EXIT, EXIT_CODES_HELP } from "./exit-codes.ts";
import { addGlobalOptions, type GlobalOptions } from "./global-options.ts";
import { reportError } from "./report-error.ts";
import { packageVersion } from "../util/package-version.ts";
import type { ParentLink } from "./worker/parent-link.ts";

const COMMANDS = [
  addWorkerCommand,
  addCallCommand,
  addResultCommand,
  addRevokeCommand,
  addQueuesCommand,
  addPurgeCommand,
  addDeadLettersCommand,
  addTasksCommand,
  addEventsCommand,
  addTopCommand,
  addRemoteCommands,
  addPostgresCommand,
  addConfigCommand,
];

/** Does what the command line says. Never rejects; `process.exitCode` tells how it went. */
export async function runCommandLine(argv: readonly string[], parent?: ParentLink): Promise<void> {
  const program = makeProgram(parent);
  try {
    await program.parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    else process.exitCode = reportError(error, { withStack: program.opts<GlobalOptions>().loglevel === "debug" });
  }
}

function makeProgram(parent: ParentLink | undefined): Command {
  const program = new Command("celeriac")
    .description("Run, call and watch distributed tasks that speak Celery's protocol.")
    .version(packageVersion(), "--version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help for a command")
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "celeriac: ")) })
    .exitOverride()
    .addHelpText("after", HELP)
    .hook("preAction", () => enterWorkdir(program.opts<GlobalOptions>()));
  addGlobalOptions(program);
  for (const add of COMMANDS) add(program, parent);
  return program;
}

const HELP = `${EXIT_CODES_HELP}

Examples:
  celeriac -A app.ts worker -c 4
  celeriac -A app.ts call quickstart.add --args '[1, 2]' --wait 10
  celeriac -b sqlite:celeriac.db queues --json
  celeriac -b sqlite:celeriac.db dead-letters list`;

function enterWorkdir({ workdir }: GlobalOptions): void {
  if (workdir === undefined) return;
  try {
    process.chdir(workdir);
  } catch (cause) {
    throw new UsageError(`--workdir: there is no directory ${workdir}.`, { cause });
  }
}
