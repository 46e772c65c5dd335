import { systemClock } from "../util/clock.ts";
import { endQuietlyOnBrokenPipe } from "./output.ts";
import { runCommandLine } from "./program.ts";
import type { ParentLink } from "./worker/parent-link.ts";

/** How long the process may outlive its work: an app may have left a timer or a connection of its own open. */
const LINGER_MS = 1_000;

/** Does what this process's command line says, and ends the process. */
export async function runProcess(parent?: ParentLink): Promise<void> {
  endQuietlyOnBrokenPipe();
  await runCommandLine(process.argv, parent);
  void systemClock.sleep(LINGER_MS, { ref: false }).then(() => process.exit());
}
