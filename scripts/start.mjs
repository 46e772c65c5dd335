/** `npm start`: the main job on real input, straight after cloning. Arguments go to the program; `--exit` ends it when the work is done. */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { ROOT, ensureBuilt, ensureInstalled } from "./setup.mjs";

ensureInstalled();
ensureBuilt();

const child = spawn(process.execPath, ["--import", "tsx", "examples/test-results/start.ts", ...process.argv.slice(2)], {
  cwd: ROOT,
  stdio: "inherit",
});

// A terminal's Ctrl-C reaches the child by itself, and a second one would cut its clean stop short; a supervisor's signal reaches only us.
process.on("SIGINT", () => {
  if (!process.stdin.isTTY) child.kill("SIGINT");
});
process.on("SIGTERM", () => child.kill("SIGTERM"));

child.once("exit", (code, signal) => {
  process.exitCode = code ?? 128 + constants.signals[signal];
});
