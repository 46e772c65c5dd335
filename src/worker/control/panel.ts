import type { Commands } from "./command-table.ts";
import { ArgumentReader } from "../../control/argument-reader.ts";
import type { Handler } from "../../control/control-node.ts";
import { eventCommands } from "./event-commands.ts";
import { inspections } from "./inspections.ts";
import { poolCommands } from "./pool-commands.ts";
import { queueCommands } from "./queue-commands.ts";
import { revocationCommands } from "./revocation-commands.ts";
import { RevokedIds } from "./revoked-ids.ts";
import type { OpenParts } from "../parts.ts";
import type { ControlledWorker } from "./controlled-worker.ts";

/** Celery's older names. */
const ALIASES: Readonly<Record<string, string>> = {
  dump_conf: "conf",
  dump_active: "active",
  dump_reserved: "reserved",
  dump_schedule: "scheduled",
  dump_revoked: "revoked",
  dump_tasks: "registered",
};

/** All commands that a worker answers, by method. Celery: `celery/worker/control.py:Panel`. */
export function controlPanel(worker: ControlledWorker, parts: OpenParts): ReadonlyMap<string, Handler> {
  const revoked = new RevokedIds();
  const commands: Commands = {
    ...inspections(worker, parts, revoked),
    ...revocationCommands(worker, parts, revoked),
    ...queueCommands(worker),
    ...poolCommands(worker),
    ...eventCommands(parts),
  };
  const panel = new Map<string, Handler>();
  for (const [method, run] of Object.entries(commands)) panel.set(method, (args) => run(new ArgumentReader(args)));
  for (const [alias, method] of Object.entries(ALIASES)) panel.set(alias, panel.get(method) as Handler);
  return panel;
}
