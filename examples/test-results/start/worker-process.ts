import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { join, relative } from "node:path";

const APP = join(import.meta.dirname, "..", "app.ts");
const COMMAND = join(import.meta.dirname, "..", "..", "..", "dist", "cli", "main.js");

/** How long a worker that was told to stop may take. */
const LONGEST_STOP_MS = 15_000;

export interface WorkerProcess {
  readonly pid: number;
  /** What one would type for it. */
  readonly command: string;
  /** Resolves when the process has ended, with its exit code; null when a signal ended it. */
  readonly ended: Promise<number | null>;
  /** Has the worker finish what it runs. Resolves once it has ended. */
  stop(): Promise<void>;
}

/** Starts a worker as one would from a shell, with its log in a file. */
export function startWorker(logFile: string): WorkerProcess {
  const args = ["-A", relative(process.cwd(), APP), "worker", "--concurrency", "4"];
  const log = openSync(logFile, "a");
  const child = spawn(process.execPath, [COMMAND, ...args], { stdio: ["ignore", log, log] });
  const ended = once(child, "exit").then(([code]) => code as number | null);
  return {
    pid: child.pid ?? 0,
    command: `celeriac ${args.join(" ")}`,
    ended,
    stop: async () => {
      child.kill("SIGTERM");
      const force = setTimeout(() => child.kill("SIGKILL"), LONGEST_STOP_MS);
      await ended;
      clearTimeout(force);
    },
  };
}
