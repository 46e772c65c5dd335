import type { Command } from "commander";
import { addDropCommand } from "./dead-letters/drop.ts";
import { addListCommand } from "./dead-letters/list.ts";
import { addReplayCommand } from "./dead-letters/replay.ts";
import { addShowCommand } from "./dead-letters/show.ts";

export function addDeadLettersCommand(program: Command): void {
  const group = program
    .command("dead-letters")
    .description("See to the messages that workers could not deal with.")
    .addHelpText("after", HELP);
  for (const add of [addListCommand, addShowCommand, addReplayCommand, addDropCommand]) add(group);
}

const HELP = `
A message is dead when it cannot be read, when no worker knows its task, when its task rejects it, or when it was delivered too
often: it is kept with the reason and its history until it is replayed or dropped.

Examples:
  celeriac -A app.ts dead-letters list --queue reports
  celeriac -b sqlite:celeriac.db dead-letters show 12
  celeriac -b sqlite:celeriac.db dead-letters replay --all --reason delivery-limit
  celeriac -b sqlite:celeriac.db dead-letters drop 12 13`;
