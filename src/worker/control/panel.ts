import type { Commands } from "./command-table.ts";
import { ALIASES } from "./aliases.ts";
import { ArgumentReader } from "../../control/argument-reader.ts";
import type { Handler } from "../../control/control-node.ts";
import { eventCommands } from "./event-commands.ts";
import { inspections } from "./inspections.ts";
import { memoryCommands } from "./memory-commands.ts";
import { pauseCommands } from "./pause-commands.ts";
import { poolCommands } from "./pool-commands.ts";
import { poolRestart } from "./pool-restart.ts";
import { queueCommands } from "./queue-commands.ts";
import { rateLimitCommands } from "./rate-limit-commands.ts";
import { revocationCommands } from "./revocation-commands.ts";
import { stampRevocation } from "./stamp-revocation.ts";
import { timeLimitCommand } from "./time-limit-command.ts";
import type { OpenParts } from "../parts.ts";
import type { ControlledWorker } from "./controlled-worker.ts";

/** All commands that a worker answers, by method. Celery: `celery/worker/control.py:Panel`. */
export function controlPanel(worker: ControlledWorker, parts: OpenParts): ReadonlyMap<string, Handler> {
  const commands: Commands = {
    ...inspections(worker, parts),
    ...revocationCommands(worker, parts),
    ...queueCommands(worker),
    ...pauseCommands(worker, parts),
    ...poolCommands(worker),
    ...poolRestart(worker, parts),
    ...timeLimitCommand(parts),
    ...stampRevocation(parts),
    ...memoryCommands(),
    ...eventCommands(parts),
    ...rateLimitCommands(parts),
  };
  const panel = new Map<string, Handler>();
  for (const [method, run] of Object.entries(commands)) panel.set(method, (args) => run(new ArgumentReader(args)));
  for (const [alias, method] of Object.entries(ALIASES)) panel.set(alias, panel.get(method) as Handler);
  return panel;
}
