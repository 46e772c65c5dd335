import type { Command } from "commander";
import type { GlobalOptions } from "../../global-options.ts";
import { print } from "../../output.ts";
import { requirePostgres } from "../../require-postgres.ts";
import { withApp } from "../../with-app.ts";

interface MigrateOptions extends GlobalOptions {
  readonly json?: boolean;
}

export function addMigrateCommand(group: Command): void {
  group
    .command("migrate")
    .description("Make the schema, or bring it up to date.")
    .option("--json", 'print {"schema", "from", "to"}, versions of the schema; 0 stands for none')
    .addHelpText("after", HELP)
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<MigrateOptions>();
      await withApp(options, async ({ app }) => {
        const postgres = await requirePostgres(app);
        const { from, to } = await postgres.migrate();
        if (options.json === true) print(JSON.stringify({ schema: postgres.schema, from, to }));
        else if (from === to) print(`The schema ${postgres.schema} is up to date: version ${to}.`);
        else
          print(
            `The schema ${postgres.schema} is of version ${to} now, and was ${from === 0 ? "not there" : `of ${from}`}.`,
          );
      });
    });
}

const HELP = `
Works on the app's result backend, or on that of --result-backend. All is done or nothing, whoever else does so at the same time. It leads forward only:
workers of an older version refuse a newer schema.

Example:
  celeriac --result-backend postgres://celeriac_migrator@db/app postgres migrate`;
