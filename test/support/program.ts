import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";

/** A program whose output goes to a file, and which goes with the tests. */
export class Program {
  readonly #process: ChildProcess;
  readonly #exit: Promise<unknown>;

  constructor(path: string, args: readonly string[], env: Readonly<Record<string, string>>, log: string) {
    const output = openSync(log, "a");
    const child = spawn(path, [...args], { env: { ...process.env, ...env }, stdio: ["ignore", output, output] });
    closeSync(output);
    const kill = (): void => void child.kill("SIGKILL");
    process.once("exit", kill);
    this.#process = child;
    this.#exit = once(child, "exit").finally(() => process.off("exit", kill));
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  async end(name: NodeJS.Signals): Promise<void> {
    if (!this.hasEnded) this.signal(name);
    await this.#exit;
  }
}
