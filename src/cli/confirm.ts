import { createInterface } from "node:readline/promises";
import { UsageError } from "./errors.ts";
import { remark } from "./output.ts";

/** What `--force` answers is not asked. */
export interface Confirmation {
  /** As in "purge needs --force". */
  readonly what: string;
  readonly question: string;
  readonly force: boolean | undefined;
}

/** Asks on the terminal before something is lost, and remarks when it is not to be. Throws UsageError where there is nobody to ask. */
export async function isConfirmed({ what, question, force = false }: Confirmation): Promise<boolean> {
  if (force) return true;
  if (!process.stdin.isTTY) throw new UsageError(`Without a terminal to ask on, ${what} needs --force.`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${question} There is no undo. [y/N] `);
    if (/^y(?:es)?$/i.test(answer.trim())) return true;
    remark("Nothing was deleted.");
    return false;
  } finally {
    terminal.close();
  }
}
