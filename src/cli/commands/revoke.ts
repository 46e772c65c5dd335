import type { Command } from "commander";
import type { GlobalOptions } from "../global-options.ts";
import { counted, print } from "../output.ts";
import { requireBrokerFile } from "../require-places.ts";
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
      print(options.json === true ? JSON.stringify({ revoked }) : sentence(revoked.length, options));
    });
}

const HELP = `
The broker remembers it for 30 days, with or without a worker up. Any id is marked, also one that no task has yet. A task that
has ended stays as it is. A run that is under way goes on, unless --terminate says that it is ended: within about a second.

Examples:
  celeriac -A app.ts revoke 3f0c7b9e-…
  celeriac -b sqlite:celeriac.db --result-backend sqlite:celeriac.db revoke 3f0c7b9e-… 4a1d8c0f-… --terminate`;

/** Of ids, as nobody knows whether there is a task to each. */
function sentence(count: number, { terminate = false }: RevokeCommandOptions): string {
  const running = terminate ? "what runs is ended" : "what runs goes on";
  return `Marked ${counted(count, "task id")} as revoked: what has not started will not, ${running}.`;
}

function revoke(ids: readonly string[], options: RevokeCommandOptions): Promise<void> {
  return withApp(options, async ({ app }) => {
    await requireBrokerFile(app);
    await app.revoke(ids, { terminate: options.terminate === true });
  });
}
