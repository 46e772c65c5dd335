import type { Command } from "commander";
import { UsageError } from "../../errors.ts";
import type { GlobalOptions } from "../../global-options.ts";
import { print } from "../../output.ts";

interface RolesOptions extends GlobalOptions {
  readonly schema: string;
  readonly migrator: string;
  readonly worker: string;
  readonly reader: string;
}

export function addRolesCommand(group: Command): void {
  group
    .command("roles")
    .description("Print SQL that makes roles with as few rights as they need.")
    .option("--schema <name>", "the schema of the results", "celeriac")
    .option("--migrator <name>", "role that owns the schema and changes it", "celeriac_migrator")
    .option("--worker <name>", "role of workers, and of those who send tasks", "celeriac_worker")
    .option("--reader <name>", "role of those who only look", "celeriac_reader")
    .addHelpText("after", HELP)
    .action(async (_options: unknown, command: Command) => {
      const { schema, migrator, worker, reader } = command.optsWithGlobals<RolesOptions>();
      const names = { schema, migrator, worker, reader };
      const { isName, NAME_RULE } = await import("../../../adapters/postgres/connections/postgres-url.ts");
      for (const [option, name] of Object.entries(names)) {
        if (!isName(name)) throw new UsageError(`--${option} is "${name}". A name has ${NAME_RULE}.`);
      }
      const { rolesSql } = await import("../../../adapters/postgres/schema/roles.ts");
      print(rolesSql(names));
    });
}

const HELP = `
Nothing is connected to. Run what is printed as a superuser in the database of the results; again, it does no harm. The roles have no passwords yet.

Example:
  celeriac postgres roles --schema celeriac | psql --single-transaction postgres://postgres@db/app`;
