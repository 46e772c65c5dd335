import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** How long a process may take to end once it is asked to, in milliseconds. */
const LONGEST_STOP_MS = 40_000;

export interface Role {
  readonly name: string;
  /** The program. */
  readonly command: string;
  /** What it is told as the nth process of this role. */
  readonly args: (nth: number) => readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Directory of a file for each process, with what it says. */
  readonly logs: string;
}

/** How a process ended: its role, and the exit code or the signal. */
export interface Exit {
  readonly pid: number;
  readonly at: number;
  readonly how: string;
}

/** So many processes of one role: whichever ends is replaced, until all are to stop. Those that are left are killed when it is disposed. */
export class Pack implements AsyncDisposable {
  readonly exits: Exit[] = [];
  readonly #role: Role;
  readonly #alive = new Set<ChildProcess>();
  #started = 0;
  #isStopping = false;

  constructor(role: Role, size: number) {
    this.#role = role;
    for (let i = 0; i < size; i += 1) this.#start();
  }

  get name(): string {
    return this.#role.name;
  }

  get started(): number {
    return this.#started;
  }

  get pids(): readonly number[] {
    return [...this.#alive].flatMap(({ pid }) => pid ?? []);
  }

  /** Asks all to end. Rejects when one does not. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const exits = [...this.#alive].map((child) => once(child, "exit"));
    for (const pid of this.pids) signal(pid, "SIGTERM");
    const late = sleep(LONGEST_STOP_MS, "late", { ref: false });
    if ((await Promise.race([Promise.all(exits), late])) === "late") {
      throw new Error(
        `${this.name} ${this.pids.join(", ")} did not end within ${LONGEST_STOP_MS / 1_000} s of SIGTERM.`,
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true;
    const exits = [...this.#alive].map((child) => once(child, "exit"));
    for (const pid of this.pids) signal(pid, "SIGKILL");
    await Promise.all(exits);
  }

  #start(): void {
    const { command, args, env, logs, name } = this.#role;
    this.#started += 1;
    const log = openSync(join(logs, `${name}-${this.#started}.log`), "a");
    const child = spawn(command, args(this.#started), {
      env: { ...process.env, ...env },
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    this.#alive.add(child);
    child.once("exit", (code, by) => {
      this.#alive.delete(child);
      this.exits.push({ pid: child.pid ?? 0, at: Date.now(), how: by ?? String(code) });
      if (!this.#isStopping) this.#start();
    });
  }
}

/** False when there is no such process any more. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

/** The processes that a process has started. Empty where the system does not tell in /proc. */
export function childrenOf(pid: number): readonly number[] {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads.flatMap((thread) => {
      const pids = readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").trim();
      return pids === "" ? [] : pids.split(" ").map(Number);
    });
  } catch {
    return [];
  }
}
