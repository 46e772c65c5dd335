#!/usr/bin/env node
import { systemClock } from "../util/clock.ts";
import { endQuietlyOnBrokenPipe } from "./output.ts";
import { runCommandLine } from "./program.ts";

/** How long the process may outlive its work: an app may have left a timer or a connection of its own open. */
const LINGER_MS = 1_000;

endQuietlyOnBrokenPipe();
await runCommandLine(process.argv);
void systemClock.sleep(LINGER_MS, { ref: false }).then(() => process.exit());
