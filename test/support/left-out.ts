import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";

/** What `npm test` repeats before its sum, one line each; it empties the file before it starts. */
const LIST = ".cache/left-out.txt";

/** Says loudly that a part of the suite cannot run here. Throws under CI, where nothing may be left out. */
export function leaveOut(what: string, reason: string): void {
  const line = `${what}: ${reason}`.replaceAll(/\s+/g, " ");
  if (process.env["CI"] === "true") throw new Error(`Under CI nothing may be left out: ${line}`);
  process.stderr.write(`\n!!! LEFT OUT: ${line}\n\n`);
  mkdirSync(".cache", { recursive: true });
  const listed = existsSync(LIST) && readFileSync(LIST, "utf8").split("\n").includes(line);
  if (!listed) appendFileSync(LIST, `${line}\n`);
}
