import { execFileSync } from "node:child_process";

/** The command line is tested as users have it: compiled. */
export function setup(): void {
  execFileSync(process.execPath, ["scripts/setup.mjs"], { stdio: "inherit" });
}
