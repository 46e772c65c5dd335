import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** The program's standard output, trimmed; rejects with its standard error when it fails. */
export async function output(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { stdout } = await execute(program, args, { ...options, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  return stdout.trim();
}

export interface RunOptions {
  /** Killed after so long, in milliseconds. @default unlimited */
  readonly timeout?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** Every file of that name on the PATH that may be run, in the PATH's order. */
export function programsNamed(name: string): readonly string[] {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => join(folder, name)).filter(isExecutable);
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A TCP port of the loopback interface that nobody listens on at the moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === "string") reject(new Error("The server has no port."));
        else resolve(address.port);
      });
    });
  });
}
