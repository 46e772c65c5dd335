import { Option, type Command } from "commander";
import type { LogLevel } from "../app/config.ts";

/** What may stand before or after every command. */
export interface GlobalOptions {
  readonly app?: string;
  readonly broker?: string;
  readonly resultBackend?: string;
  readonly workdir?: string;
  readonly loglevel?: LogLevel;
  /** False with `--no-color`. */
  readonly color: boolean;
  readonly quiet?: boolean;
}

export function addGlobalOptions(program: Command): Command {
  return program
    .option(
      "-A, --app <file>",
      "file of the app, TypeScript or JavaScript: path/to/app.ts or path/to/app.ts:exportName",
    )
    .option("-b, --broker <url>", "broker, such as sqlite:celeriac.db or redis://localhost:6379/0")
    .option("--result-backend <url>", "where results are kept")
    .option("--workdir <directory>", "work in this directory")
    .addOption(
      new Option("-l, --loglevel <level>", "debug, info, warn or error; debug also shows where errors come from"),
    )
    .option("-C, --no-color", "no colours, which only a terminal gets anyway")
    .option("-q, --quiet", "no banner and no remarks");
}
