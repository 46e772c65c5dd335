import type { ResourceLimits, WorkerOptions } from "node:worker_threads";
import { registerTsx } from "./register-tsx.ts";

/** How a small thread of this package's own is started: with nothing of the environment, and not what this process was started with, such as a debugger's port. */
export function threadOptions(program: URL, name: string, limits: ResourceLimits): WorkerOptions {
  const isSource = program.pathname.endsWith(".ts");
  return {
    name,
    env: {},
    execArgv: isSource ? ["--import", registerTsx()] : [],
    // Compiling TypeScript takes more than all else.
    resourceLimits: isSource ? {} : limits,
  };
}
