import type { Command } from "commander";
import { addMigrateCommand } from "./postgres/migrate.ts";
import { addRolesCommand } from "./postgres/roles.ts";

export function addPostgresCommand(program: Command): void {
  const group = program
    .command("postgres")
    .description("See to the Postgres that results are kept in.")
    .addHelpText("after", HELP);
  for (const add of [addMigrateCommand, addRolesCommand]) add(group);
}

const HELP = `
Results and keys are in a schema of their own, celeriac unless the URL says ?schema=NAME. Whoever connects first makes it, and changes an older
one: a user with less rights, or ?migrate=false in the URL, leaves that to \`postgres migrate\`.

Examples:
  celeriac postgres roles | psql --single-transaction postgres://postgres@db/app
  celeriac --result-backend postgres://celeriac_migrator@db/app postgres migrate`;
