import type { Command } from "commander";
import type { GlobalOptions } from "../global-options.ts";
import { counted, print } from "../output.ts";
import { requireBrokerFile } from "../require-file.ts";
import { withApp } from "../with-app.ts";

interface RevokeCommandOptions extends GlobalOptions {
  readonly terminate?: boolean;
  readonly json?: boolean;
}

export function addRevokeCommand(program: Command): void {
  program
    .command("revoke")
    .description("Keep tasks from starting, wherever and whenever that would be.")
    .argument("<ids...>", "what `call` printed")
    .option("--terminate", "end runs that are under way too")
    .option("--json", 'print {"revoked": [id, …]}')
    .addHelpText("after", HELP)
    .action(async (given: readonly string[], _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<RevokeCommandOptions>();
      const revoked = [...new Set(given)];
      await revoke(revoked, options);
      print(options.json === true ? JSON.stringify({ revoked }) : `Revoked ${counted(revoked.length, "task")}.`);
    });
}

const HELP = `
The broker remembers it for 30 days, with or without a worker up. A task that has ended stays as it is. A run that is under way
goes on, unless --terminate says that it is ended: within about a second.

Examples:
  celeriac -A app.ts revoke 3f0c7b9e-…
  celeriac -b sqlite:celeriac.db --result-backend sqlite:celeriac.db revoke 3f0c7b9e-… 4a1d8c0f-… --terminate`;

function revoke(ids: readonly string[], options: RevokeCommandOptions): Promise<void> {
  return withApp(options, async ({ app }) => {
    await requireBrokerFile(app);
    await app.revoke(ids, { terminate: options.terminate === true });
  });
}
