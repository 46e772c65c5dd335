import type { Command } from "commander";
import type { GlobalOptions } from "../../global-options.ts";
import { wholeNumber } from "../../option-values.ts";
import { print, remark, table } from "../../output.ts";
import { requireBrokerFile } from "../../require-places.ts";
import { withApp } from "../../with-app.ts";
import { summaryOf, type LetterSummary } from "./letter.ts";

interface ListOptions extends GlobalOptions {
  readonly queue?: string;
  readonly reason?: string;
  readonly limit: number;
  readonly after?: string;
  readonly json?: boolean;
}

const DEFAULT_LIMIT = 100;

export function addListCommand(group: Command): void {
  group
    .command("list")
    .description("List dead letters, oldest first.")
    .option("--queue <name>", "only those from this queue")
    .option("--reason <code>", "only those that died for this reason, such as rejected or delivery-limit")
    .option("--limit <number>", "at most so many", (text) => wholeNumber("--limit", text), DEFAULT_LIMIT)
    .option("--after <id>", "only those behind this one, the last of an earlier list")
    .option("--json", 'print {"deadLetters": [{"id", "queue", "task", "taskId", "reason", "deliveries", "diedAt"}]}')
    .addHelpText("after", HELP)
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ListOptions>();
      const deadLetters = await readSummaries(options);
      print(options.json === true ? JSON.stringify({ deadLetters }) : tableOf(deadLetters));
      if (options.quiet !== true) remarkRest(deadLetters, options.limit);
    });
}

const HELP = `
Examples:
  celeriac -A app.ts dead-letters list
  celeriac -b sqlite:celeriac.db dead-letters list --queue reports --reason delivery-limit
  celeriac -b sqlite:celeriac.db dead-letters list --limit 20 --after 112 --json | jq '.deadLetters[].reason.detail'`;

function readSummaries(options: ListOptions): Promise<readonly LetterSummary[]> {
  const { queue, reason: code, limit, after } = options;
  return withApp(options, async ({ app }) => {
    await requireBrokerFile(app);
    const letters = await (await app.broker()).deadLetters({ queue, code, limit, after });
    return letters.map(summaryOf);
  });
}

function tableOf(letters: readonly LetterSummary[]): string {
  const rows = letters.map(({ id, diedAt, queue, reason, deliveries, task, taskId }) => [
    id,
    diedAt,
    queue,
    reason.code,
    deliveries,
    task ?? "?",
    taskId ?? "?",
  ]);
  return table(["id", "died", "queue", "reason", "deliveries", "task", "task id"], rows);
}

function remarkRest(letters: readonly LetterSummary[], limit: number): void {
  const last = letters.at(-1);
  if (last !== undefined && letters.length === limit) remark(`There may be more: --after ${last.id}`);
}
