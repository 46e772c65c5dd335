import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export interface CeleryWorkerOptions {
  /** The interpreter. */
  readonly python: string;
  /** Where the app's module is. */
  readonly directory: string;
  /** The app's module. */
  readonly app: string;
  readonly env: Readonly<Record<string, string>>;
  readonly queues: readonly string[];
  /** `solo` starts sooner and runs one task at a time, in the order in which they come; `prefork` has two processes. @default "prefork" */
  readonly pool?: "prefork" | "solo";
  /** Whether it tells monitors of itself and its tasks; `on demand`, of itself alone until it is told to. @default false */
  readonly events?: boolean | "on demand";
  /** Whether it knows of other workers: mingles, gossips, and has a heart. @default false */
  readonly neighbourly?: boolean;
  /** Seconds between its heartbeats; the others take it for gone after twice as long. @default 2 */
  readonly heartbeatInterval?: number;
}

/** `celery worker`, as its users start it. */
export class CeleryWorker implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #exit: Promise<unknown>;

  /** Resolves once it is ready; rejects with its log when it is not to be. */
  static async start({
    python,
    directory,
    app,
    env,
    queues,
    pool = "prefork",
    events = false,
    neighbourly = false,
    heartbeatInterval = 2,
  }: CeleryWorkerOptions): Promise<CeleryWorker> {
    const args = ["-m", "celery", "-A", app, "worker", "--loglevel", "INFO", "--pool", pool, "--concurrency", "2"];
    args.push("--queues", queues.join(","), "--hostname", `${queues.join("-").replaceAll(/[^\w-]/g, "")}@test`);
    if (!neighbourly) args.push("--without-gossip", "--without-mingle");
    args.push("--heartbeat-interval", String(heartbeatInterval));
    if (events === true) args.push("--task-events");
    else if (events === false && !neighbourly) args.push("--without-heartbeat");
    const worker = new CeleryWorker(
      spawn(python, args, {
        cwd: directory,
        env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1", PYTHONWARNINGS: "ignore", ...env },
        stdio: ["ignore", "ignore", "pipe"],
      }),
    );
    await worker.#isReady();
    return worker;
  }

  private constructor(child: ChildProcess) {
    this.#process = child;
    this.#exit = once(child, "exit");
  }

  /** Ends the tasks that run and hands back all others. Calling it again is fine. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGTERM");
    await this.#exit;
  }

  async #isReady(): Promise<void> {
    const { stderr } = this.#process;
    if (stderr === null) throw new TypeError("Its log is not piped.");
    const log: string[] = [];
    for await (const line of createInterface(stderr)) {
      log.push(line);
      if (!line.endsWith(" ready.")) continue;
      stderr.resume();
      return;
    }
    throw new Error(`The Celery worker did not start:\n${log.join("\n")}`);
  }
}
