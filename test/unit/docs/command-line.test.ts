import { describe, expect, it } from "vitest";
import { COMMANDS } from "../../../src/control/commands.ts";
import { EXIT } from "../../../src/cli/exit-codes.ts";
import { namesIn, readPage, readSource } from "./reference.ts";

const page = await readPage("command-line.md");

/** `-A, --app` of every option that a command line defines. */
async function flagsIn(path: string): Promise<readonly string[]> {
  const source = await readSource(path);
  return [...source.matchAll(/(?:\.option\(|new Option\()\s*"((?:-\w, )?--[\w-]+)/g)].map(([, flags]) => String(flags));
}

describe("the reference of the command line", () => {
  it.each([
    ["For every command", "src/cli/global-options.ts"],
    ...["worker", "call", "result", "revoke", "events", "top", "queues", "purge", "tasks", "config"].map(
      (name): [string, string] => [name, `src/cli/commands/${name}.ts`],
    ),
    ["inspect", "src/cli/commands/remote.ts"],
    ...["pause", "resume"].map((name): [string, string] => [`queues ${name}`, `src/cli/commands/queues/${name}.ts`]),
    ...["migrate", "roles"].map((name): [string, string] => [
      `postgres ${name}`,
      `src/cli/commands/postgres/${name}.ts`,
    ]),
    ...["list", "show", "replay", "drop"].map((name): [string, string] => [
      `dead-letters ${name}`,
      `src/cli/commands/dead-letters/${name}.ts`,
    ]),
  ])("names every option of %s, and no other", async (heading, path) => {
    expect(namesIn(page, heading)).toEqual(await flagsIn(path));
  });

  it.each([
    ["Questions", "inspect"],
    ["Orders", "control"],
  ])("names every command that workers answer, and no other: %s", (heading, kind) => {
    const commands = Object.keys(COMMANDS).filter((name) => COMMANDS[name]?.kind === kind);
    const named = namesIn(page, heading).flatMap((names) => names.split(", "));
    expect(named.sort()).toEqual(commands.sort());
  });

  it("names every exit code, and no other", () => {
    expect(namesIn(page, "Exit codes").map(Number)).toEqual(Object.values(EXIT));
  });
});
