import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export interface Child extends AsyncDisposable {
  readonly pid: number;
  /** The first line of its standard output. */
  readonly first: string;
  /** The next line of its standard output. Rejects when it has ended. */
  readonly line: () => Promise<string>;
  /** Writes a line to its standard input. */
  readonly tell: (line: string) => void;
}

/** Runs a program of this folder in a process of its own, with these variables besides ours. Resolves when it has printed its first line. */
export function startChild(program: string, variables: Readonly<Record<string, string>>): Promise<Child> {
  return startProgram(process.execPath, [...process.execArgv, program], variables);
}

/** The same for any program. */
export async function startProgram(
  program: string,
  args: readonly string[],
  variables: Readonly<Record<string, string>>,
): Promise<Child> {
  const child = spawn(program, args, { env: { ...process.env, ...variables }, stdio: ["pipe", "pipe", "inherit"] });
  const exit = once(child, "exit");
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const line = async (): Promise<string> => {
    const next = await lines.next();
    if (next.done === true) throw new Error(`${[program, ...args].join(" ")} has ended.`);
    return next.value;
  };
  const first = await line();
  return {
    pid: child.pid ?? 0,
    first,
    line,
    tell: (text) => void child.stdin.write(`${text}\n`),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await exit;
    },
  };
}
