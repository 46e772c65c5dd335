import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { COMMAND } from "./cli.ts";
import { eventually } from "./eventually.ts";
import { leaveOut } from "./left-out.ts";
import { programsNamed } from "./processes.ts";

/** The program of util-linux that runs another in a terminal of its own. */
const SCRIPT = process.platform === "linux" ? programsNamed("script")[0] : undefined;
export const HAS_TERMINAL: boolean = SCRIPT !== undefined;
if (!HAS_TERMINAL) leaveOut("tests in a terminal", "there is no program `script` of util-linux");

const COLUMNS = 100;
const ROWS = 30;

/** `celeriac …` in a terminal of 100 columns and 30 rows; disposing kills it. */
export class TerminalCommand implements AsyncDisposable {
  readonly #directory: string;
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;
  #output = "";

  constructor(args: readonly string[], directory: string) {
    this.#directory = directory;
    const command = [process.execPath, ...COMMAND, ...args].map((word) => `'${word}'`).join(" ");
    const lines = [
      `stty columns ${COLUMNS} rows ${ROWS}`,
      `sh -c "echo \\$\\$ > terminal.pid; exec ${command}"`,
      `echo "exit code $?"`,
      "stty -a",
    ];
    const child = spawn(SCRIPT ?? "script", ["-qfec", lines.join("; "), "/dev/null"], {
      cwd: directory,
      stdio: ["pipe", "pipe", "inherit"],
    });
    child.stdout.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
    this.#child = child;
    this.#exit = once(child, "close");
  }

  /** All that the terminal was sent so far. */
  get output(): string {
    return this.#output;
  }

  /** What stands on the screen: of the last that was drawn, without colours. */
  get screen(): string {
    const drawn = this.#output.slice(this.#output.lastIndexOf("\x1b[H") + 3);
    return drawn.replace(/\x1b\[[\d;?]*[A-Za-z]/g, "").replaceAll("\r", "");
  }

  /** Resolves with the screen once all that is there. */
  shows(...what: readonly RegExp[]): Promise<string> {
    return eventually(
      () => {
        const { screen } = this;
        const missing = what.find((pattern) => !pattern.test(screen));
        if (missing !== undefined) throw new Error(`The screen does not show ${String(missing)}:\n${screen}`);
        return screen;
      },
      { timeoutMs: 30_000 },
    );
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  async signal(signal: NodeJS.Signals): Promise<void> {
    process.kill(Number(await readFile(join(this.#directory, "terminal.pid"), "utf8")), signal);
  }

  /** Resolves with what the terminal was sent after the command had left the other screen, once all is over. */
  async afterwards(): Promise<string> {
    await this.#exit;
    return this.#output.slice(this.#output.lastIndexOf("\x1b[?1049l"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) await this.signal("SIGKILL").catch(() => undefined);
    this.#child.kill("SIGKILL");
    await this.#exit;
  }
}
