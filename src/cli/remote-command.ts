import type { Celeriac } from "../app/celeriac.ts";
import { COMMANDS, type CommandInfo, type Param } from "../control/commands.ts";
import { hint } from "../app/setting-kinds.ts";
import { UsageError } from "./errors.ts";
import type { GlobalOptions } from "./global-options.ts";
import { durationMs, nameList, positiveNumber, wholeNumber } from "./option-values.ts";
import { requireBrokerFile } from "./require-places.ts";
import { withApp } from "./with-app.ts";

/** What `status`, `inspect` and `control` have in common. */
export interface RemoteOptions extends GlobalOptions {
  readonly timeout: string;
  readonly destination?: string;
  readonly json?: boolean;
}

/** The command of this kind that is called so. Throws UsageError. */
export function commandNamed(kind: CommandInfo["kind"], name: string): CommandInfo {
  const names = Object.keys(COMMANDS).filter((known) => COMMANDS[known]?.kind === kind);
  const command = names.includes(name) ? COMMANDS[name] : undefined;
  if (command !== undefined) return command;
  throw new UsageError(
    `${kind}: there is no command "${name}"${hint(name, new Set(names))} There are ${names.join(", ")}.`,
  );
}

/** The commands of a kind with their arguments and what they do, a line for each. */
export function listOfCommands(kind: CommandInfo["kind"]): string {
  const commands = Object.entries(COMMANDS).filter(([, command]) => command.kind === kind);
  const rows = commands.map(([name, { signature, help }]) => [[name, signature].join(" ").trim(), help] as const);
  const width = Math.max(...rows.map(([usage]) => usage.length));
  return rows.map(([usage, help]) => `${usage.padEnd(width)}  ${help}`).join("\n");
}

/** The words behind a command as its arguments. Throws UsageError. */
export function argumentsOf(
  name: string,
  { params = [], variadic, signature }: CommandInfo,
  words: readonly string[],
): Readonly<Record<string, unknown>> {
  const args: Record<string, unknown> = {};
  for (const [index, word] of words.slice(0, params.length).entries()) {
    const param = params[index] as Param;
    args[param.name] = valueOf(param, word);
  }
  const more = words.slice(params.length);
  if (variadic !== undefined) args[variadic] = more;
  else if (more.length > 0)
    throw new UsageError(`${name} takes ${signature ?? "no arguments"}; got ${words.join(" ")}.`);
  return args;
}

/** Asks the workers that the options name, in the app that they name, and hands on each answer as it comes. Gives all of them. */
export function askWorkers(
  method: string,
  args: Readonly<Record<string, unknown>>,
  options: RemoteOptions,
  onAnswer: (node: string, answer: unknown) => void,
): Promise<ReadonlyMap<string, unknown>> {
  const timeoutMs = durationMs("--timeout", options.timeout);
  const destination = options.destination === undefined ? undefined : nameList("--destination", options.destination);
  return withApp(options, async ({ app }: { readonly app: Celeriac }) => {
    await requireBrokerFile(app);
    return app.control.ask(method, args, {
      timeoutMs,
      onAnswer,
      ...(destination === undefined ? {} : { destination }),
    });
  });
}

function valueOf({ name, kind }: Param, word: string): unknown {
  switch (kind) {
    case "text":
      return word;
    case "whole number":
      return wholeNumber(name, word);
    case "number":
      return positiveNumber(name, word);
    case "flag":
      return /^(?:1|y|yes|t|true|on)$/i.test(word);
  }
}
