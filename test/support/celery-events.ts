import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export interface CeleryEventsOptions {
  /** The interpreter. */
  readonly python: string;
  /** Where the app's module is. */
  readonly directory: string;
  /** The app's module. */
  readonly app: string;
  readonly env: Readonly<Record<string, string>>;
}

/** `celery events --dump`, as its users start it. */
export class CeleryEvents implements AsyncDisposable {
  /** What it has printed so far. */
  readonly lines: string[] = [];
  readonly #process: ChildProcess;
  readonly #exit: Promise<unknown>;

  constructor({ python, directory, app, env }: CeleryEventsOptions) {
    const child = spawn(python, ["-m", "celery", "-A", app, "events", "--dump"], {
      cwd: directory,
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1", PYTHONWARNINGS: "ignore", ...env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    createInterface(child.stdout).on("line", (line) => this.lines.push(line));
    this.#process = child;
    this.#exit = once(child, "close");
  }

  /** Calling it again is fine. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGTERM");
    await this.#exit;
  }
}
