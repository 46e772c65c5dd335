import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Celeriac } from "celeriac";
import { eventually } from "./eventually.ts";

const ROOT = resolve(import.meta.dirname, "../..");
/** The command as it is installed, compiled: half as long to start as its sources. */
export const COMMAND: readonly string[] = [resolve(ROOT, "dist/cli/main.js")];
/** What an app in a test's directory imports as "celeriac", to be of one piece with the command. */
export const CELERIAC: string = pathToFileURL(resolve(ROOT, "dist/index.js")).href;

export const QUICKSTART: string = resolve(ROOT, "examples/quickstart/app.ts");

export interface CliOptions {
  readonly cwd: string;
  /** Besides PATH and HOME. */
  readonly env?: Readonly<Record<string, string>>;
  /** @default 20_000 */
  readonly timeoutMs?: number;
  /** Whether it leads a process group, as a command does that was typed in a terminal. @default false */
  readonly ownGroup?: boolean;
}

export interface CliOutcome {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `celeriac …` to its end; one that takes too long is killed and rejects. */
export async function runCli(args: readonly string[], options: CliOptions): Promise<CliOutcome> {
  const { child, output } = start(args, options);
  const { timeoutMs = 20_000 } = options;
  const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  clearTimeout(timer);
  if (signal === "SIGKILL")
    throw new Error(`celeriac ${args.join(" ")} took longer than ${timeoutMs} ms:\n${output.stderr}`);
  return { code, ...output };
}

/** An app of its own in a directory of its own, with the command line in it. */
export interface CliBed extends AsyncDisposable {
  readonly directory: string;
  /** An app without tasks on the same broker and result backend. */
  readonly producer: Celeriac;
  /** `celeriac …` without an app. */
  celeriac(...args: readonly string[]): Promise<CliOutcome>;
  /** `celeriac -A app.ts …` */
  withApp(...args: readonly string[]): Promise<CliOutcome>;
  /** `celeriac -A app.ts worker …`; killed with the bed. */
  worker(args?: readonly string[], options?: Partial<CliOptions>): Promise<WorkerProcess>;
  /** `celeriac -A app.ts …`, which goes on until it is stopped; resolves once it has printed something, and is killed with the bed. */
  running(...args: readonly string[]): Promise<WorkerProcess>;
}

/** `tasks` is TypeScript that defines tasks of `app`, whose broker is at that URL, `sqlite:celeriac.db` unless it is told, and its results too, unless they are elsewhere. */
export async function openCliBed(tasks: string, url?: string, resultsUrl = url): Promise<CliBed> {
  const directory = await mkdtemp(join(tmpdir(), "celeriac-cli-"));
  const workers: WorkerProcess[] = [];
  const [broker, resultBackend] = [url, resultsUrl].map((one) => one ?? "sqlite:celeriac.db");
  const file = `sqlite:${join(directory, "celeriac.db")}`;
  const producer = new Celeriac({ broker: url ?? file, resultBackend: resultsUrl ?? file }, { env: {} });
  const source = `import { Celeriac } from "${CELERIAC}";
    export const app: Celeriac = new Celeriac({ name: "test", broker: "${broker}", resultBackend: "${resultBackend}" });
    ${tasks}`;
  await writeFile(join(directory, "app.ts"), source);
  await writeFile(join(directory, "package.json"), '{"type":"module"}');
  const celeriac = (...args: readonly string[]): Promise<CliOutcome> =>
    runCli(args, { cwd: directory, timeoutMs: 50_000 });
  return {
    directory,
    producer,
    celeriac,
    withApp: (...args) => celeriac("-A", "app.ts", ...args),
    worker: async (args = [], options = {}) => {
      const worker = await startWorker(["-A", "app.ts", "worker", ...args], { cwd: directory, ...options });
      workers.push(worker);
      return worker;
    },
    running: async (...args) => {
      const hasPrinted = ({ stdout }: Output): boolean => stdout !== "";
      const command = await startUntil(hasPrinted, ["-A", "app.ts", ...args], { cwd: directory });
      workers.push(command);
      return command;
    },
    [Symbol.asyncDispose]: async () => {
      for (const worker of workers) await worker[Symbol.asyncDispose]();
      await producer.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** A worker process; disposing kills it. */
export interface WorkerProcess extends AsyncDisposable {
  readonly pid: number;
  readonly output: { readonly stdout: string; readonly stderr: string };
  /** What it logged so far; a line that is no JSON throws. */
  readonly log: readonly LogLine[];
  /** Sends a signal, TERM by default, and resolves with the exit code, or the signal that ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
  signal(signal: NodeJS.Signals): void;
  /** Resolves with the exit code, or the signal that ended it. */
  readonly exit: Promise<number | NodeJS.Signals | null>;
}

/** Starts `celeriac … worker …` and resolves once it consumes. */
export function startWorker(args: readonly string[], options: CliOptions): Promise<WorkerProcess> {
  return startUntil(({ stderr }) => stderr.includes('"msg":"ready"'), args, options);
}

interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

async function startUntil(
  isReady: (output: Output) => boolean,
  args: readonly string[],
  options: CliOptions,
): Promise<WorkerProcess> {
  const { child, output } = start(args, options);
  const exit = once(child, "close").then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals | null);
  const worker: WorkerProcess = {
    pid: child.pid ?? 0,
    output,
    get log() {
      const complete = output.stderr.slice(0, output.stderr.lastIndexOf("\n") + 1);
      return complete.split("\n").flatMap((line) => (line === "" ? [] : (JSON.parse(line) as LogLine)));
    },
    stop: (signal = "SIGTERM") => {
      child.kill(signal);
      return exit;
    },
    signal: (signal) => void child.kill(signal),
    exit,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await exit;
    },
  };
  try {
    await eventually(() => expectReady(child, output, isReady), { timeoutMs: 20_000 });
  } catch (error) {
    await worker[Symbol.asyncDispose]();
    throw error;
  }
  return worker;
}

function expectReady(child: ChildProcess, output: Output, isReady: (output: Output) => boolean): void {
  if (!isReady(output))
    throw new Error(`The command is not ready (exit code ${String(child.exitCode)}):\n${output.stderr}`);
}

function start(
  args: readonly string[],
  { cwd, env = {}, ownGroup = false }: CliOptions,
): { child: ChildProcess; output: { stdout: string; stderr: string } } {
  const { PATH = "", HOME = "" } = process.env;
  const child = spawn(process.execPath, [...COMMAND, ...args], {
    cwd,
    detached: ownGroup,
    env: { PATH, HOME, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
  return { child, output };
}
