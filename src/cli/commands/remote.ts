import type { Command } from "commander";
import { EXIT } from "../exit-codes.ts";
import { counted, print, remark } from "../output.ts";
import { statusLine } from "../status-line.ts";
import { harmless, indented, prettyAnswer } from "../remote-answer.ts";
import { argumentsOf, askWorkers, commandNamed, listOfCommands, type RemoteOptions } from "../remote-command.ts";

/** The commands that speak to running workers, of Python and of ours. */
export function addRemoteCommands(program: Command): void {
  addStatusCommand(program);
  addCommandsOf("inspect", "Ask workers: of what runs, what they consume, how they are set up.", program);
  addCommandsOf("control", "Tell workers what to do: consume a queue, end a task, shut down.", program);
}

function addStatusCommand(program: Command): void {
  withRemoteOptions(program.command("status").description("Show which workers answer."))
    .addHelpText("after", "\nExamples:\n  celeriac -A app.ts status\n  celeriac -b redis://localhost status --json")
    .action(async (_options: unknown, command: Command) => {
      await tellAnswers("ping", { liveness: true }, command.optsWithGlobals<RemoteOptions>(), {
        line: statusLine,
        showsText: false,
      });
    });
}

function addCommandsOf(kind: "inspect" | "control", description: string, program: Command): void {
  withRemoteOptions(program.command(kind).description(description))
    .argument("[command]", "which: see --list")
    .argument("[arguments...]", "what it takes")
    .option("--list", "print the commands with their arguments, and exit")
    .addHelpText("after", `\nCommands:\n${indented(listOfCommands(kind))}\n\n${EXAMPLES[kind]}`)
    .action(async (name: string | undefined, words: readonly string[], _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<RemoteOptions & { readonly list?: boolean }>();
      if (options.list === true || name === undefined) {
        print(listOfCommands(kind));
        if (options.list !== true) process.exitCode = EXIT.usage;
        return;
      }
      await tellAnswers(name, argumentsOf(name, commandNamed(kind, name), words), options, {
        line: (node, answer) => `->  ${node}: ${prettyAnswer(answer).isOk ? "OK" : "ERROR"}`,
        showsText: true,
      });
    });
}

const EXAMPLES = {
  inspect:
    "Examples:\n  celeriac -A app.ts inspect active\n  celeriac -b redis://localhost inspect stats -d celery@web1 --json",
  control:
    "Examples:\n  celeriac -A app.ts control add_consumer reports\n  celeriac -b redis://localhost control shutdown -d celery@web1",
} as const;

function withRemoteOptions(command: Command): Command {
  return command
    .option("-t, --timeout <seconds>", "how long answers are waited for", "1")
    .option("-d, --destination <nodes>", "only these nodes, between commas")
    .option("-j, --json", "print {node: answer}");
}

interface AnswerStyle {
  readonly line: (node: string, answer: unknown) => string;
  /** Whether the answer itself stands below the line. */
  readonly showsText: boolean;
}

async function tellAnswers(
  method: string,
  args: Readonly<Record<string, unknown>>,
  options: RemoteOptions,
  { line, showsText }: AnswerStyle,
): Promise<void> {
  const tell = (node: string, answer: unknown): void => {
    print(harmless(line(node, answer)));
    if (showsText) print(indented(harmless(prettyAnswer(answer).text)));
  };
  const answers = await askWorkers(method, args, options, options.json === true ? () => undefined : tell);
  if (answers.size === 0) {
    remark("celeriac: No nodes replied within time constraint");
    process.exitCode = EXIT.notInTime;
  } else if (options.json === true) {
    print(JSON.stringify(Object.fromEntries(answers)));
  } else {
    print(`\n${counted(answers.size, "node")} online.`);
  }
}
