import type { Command } from "commander";
import type { Celeriac } from "../../../app/celeriac.ts";
import { retryNotesOf } from "../../../app/retry-history.ts";
import type { DeadLetter, DeadLetterReason } from "../../../broker/broker.ts";
import { UnreadableMessageError } from "../../../message/errors.ts";
import { encodeJson } from "../../../message/json.ts";
import { NoSuchDeadLetterError } from "../../errors.ts";
import { findLetter } from "../../find-letter.ts";
import type { GlobalOptions } from "../../global-options.ts";
import { print } from "../../output.ts";
import { requireBrokerFile } from "../../require-places.ts";
import { withApp } from "../../with-app.ts";
import { callIn, summaryOf, type LetterSummary } from "./letter.ts";

interface ShowOptions extends GlobalOptions {
  readonly json?: boolean;
}

export function addShowCommand(group: Command): void {
  group
    .command("show")
    .description("Show all that is known of a dead letter: its call, why it died, and what happened before.")
    .argument("<id>", "what `dead-letters list` printed")
    .option("--json", "print it as one JSON object")
    .addHelpText("after", HELP)
    .action(async (id: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ShowOptions>();
      const letter = await withApp(options, ({ app }) => readLetter(app, id));
      print(options.json === true ? encodeJson(letter, "dead letter") : textOf(letter));
    });
}

const HELP = `
The history has a line for each delivery that came to nothing, and for each retry of the task, oldest first.

Examples:
  celeriac -A app.ts dead-letters show 12
  celeriac -b sqlite:celeriac.db dead-letters show 12 --json | jq .history`;

/** A dead letter with its call, as `--json` prints it. */
interface ShownLetter extends LetterSummary {
  /** Null when the message cannot be read. */
  readonly args: readonly unknown[] | null;
  readonly kwargs: Readonly<Record<string, unknown>> | null;
  /** Why the message cannot be read. */
  readonly unreadable: string | null;
  readonly bodyBytes: number;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly history: readonly HistoryLine[];
}

interface HistoryLine extends DeadLetterReason {
  readonly at: string;
  readonly kind: "delivery" | "retry";
}

async function readLetter(app: Celeriac, id: string): Promise<ShownLetter> {
  await requireBrokerFile(app);
  const letter = await findLetter(await app.broker(), (each) => each.id === id);
  if (letter === undefined) throw new NoSuchDeadLetterError([id]);
  const { message } = letter;
  const call = callIn(letter, app.config.acceptContent);
  const isReadable = !(call instanceof UnreadableMessageError);
  return {
    ...summaryOf(letter),
    args: isReadable ? call.args : null,
    kwargs: isReadable ? call.kwargs : null,
    unreadable: isReadable ? null : call.reason,
    bodyBytes: message.body.length,
    contentType: message.contentType,
    headers: message.headers,
    history: historyOf(letter),
  };
}

function historyOf({ history, message }: DeadLetter): readonly HistoryLine[] {
  const notes = [
    ...retryNotesOf(message.headers).map((note) => ({ ...note, kind: "retry" as const })),
    ...history.map((note) => ({ ...note, kind: "delivery" as const })),
  ];
  return notes
    .sort((a, b) => a.at.getTime() - b.at.getTime())
    .map(({ at, kind, code, detail }) => ({ at: at.toISOString(), kind, code, detail }));
}

function textOf(letter: ShownLetter): string {
  const { id, queue, task, taskId, reason, deliveries, diedAt, headers, history } = letter;
  return [
    ...fields([
      ["id", id],
      ["queue", queue],
      ["task", task ?? "?"],
      ["task id", taskId ?? "?"],
      ["died", diedAt],
      ["reason", `${reason.code}: ${reason.detail}`],
      ["deliveries", String(deliveries)],
      ...callLines(letter),
    ]),
    ...section(
      "headers",
      fields(Object.entries(headers).map(([name, value]) => [name, encodeJson(value, `headers.${name}`)])),
    ),
    ...section(
      "history",
      history.map(({ at, kind, code, detail }) => `${at}  ${kind.padEnd(8)}  ${code}: ${detail}`),
    ),
  ].join("\n");
}

function callLines({ args, kwargs, unreadable, bodyBytes, contentType }: ShownLetter): readonly Field[] {
  if (unreadable !== null) {
    return [["body", `${String(bodyBytes)} bytes of ${contentType}, which cannot be read: ${unreadable}`]];
  }
  return [
    ["args", encodeJson(args, "args")],
    ["kwargs", encodeJson(kwargs, "kwargs")],
  ];
}

type Field = readonly [name: string, value: string];

function fields(pairs: readonly Field[]): readonly string[] {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return [title, ...(lines.length === 0 ? ["none"] : lines).map((line) => `  ${line}`)];
}
