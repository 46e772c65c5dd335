import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export interface Child extends AsyncDisposable {
  /** The first line of its standard output. */
  readonly first: string;
  /** The next line of its standard output. Rejects when it has ended. */
  readonly line: () => Promise<string>;
}

/** Runs a program of this folder in a process of its own, with these variables besides ours. Resolves when it has printed its first line. */
export async function startChild(program: string, variables: Readonly<Record<string, string>>): Promise<Child> {
  const child = spawn(process.execPath, [...process.execArgv, program], {
    env: { ...process.env, ...variables },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exit = once(child, "exit");
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const line = async (): Promise<string> => {
    const next = await lines.next();
    if (next.done === true) throw new Error(`${program} has ended.`);
    return next.value;
  };
  const first = await line();
  return {
    first,
    line,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await exit;
    },
  };
}
