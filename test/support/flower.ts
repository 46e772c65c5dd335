import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { eventually } from "./eventually.ts";
import { freePort } from "./processes.ts";

export interface FlowerOptions {
  /** The interpreter, which has Flower. */
  readonly python: string;
  /** Where the app's module is. */
  readonly directory: string;
  /** The app's module. Flower limits and applies tasks of this app alone. */
  readonly app: string;
  readonly env: Readonly<Record<string, string>>;
  /** URL of RabbitMQ's HTTP API, by which it counts what waits there. @default none */
  readonly brokerApi?: string | undefined;
}

export interface FlowerAnswer {
  readonly status: number;
  readonly text: string;
}

/** `celery flower`, as its users start it, with its API open to everybody. */
export class Flower implements AsyncDisposable {
  /** What it has logged so far. */
  readonly log: string[] = [];
  readonly #url: string;
  readonly #process: ChildProcess;
  readonly #exit: Promise<unknown>;

  /** Resolves once it answers. */
  static async start(options: FlowerOptions): Promise<Flower> {
    const flower = new Flower(options, await freePort());
    try {
      await eventually(() => flower.get("/healthcheck"), { timeoutMs: 30_000 });
    } catch (cause) {
      await flower[Symbol.asyncDispose]();
      throw new Error(`Flower did not start:\n${flower.log.join("\n")}`, { cause });
    }
    return flower;
  }

  private constructor({ python, directory, app, env, brokerApi }: FlowerOptions, port: number) {
    this.#url = `http://127.0.0.1:${String(port)}`;
    const args = ["-m", "celery", "-A", app, "flower", "--address=127.0.0.1", `--port=${String(port)}`];
    if (brokerApi !== undefined) args.push(`--broker-api=${brokerApi}`);
    const child = spawn(python, args, {
      cwd: directory,
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1", FLOWER_UNAUTHENTICATED_API: "true", ...env },
      stdio: ["ignore", "ignore", "pipe"],
    });
    createInterface(child.stderr).on("line", (line) => this.log.push(line));
    this.#process = child;
    this.#exit = once(child, "close");
  }

  get(path: string): Promise<FlowerAnswer> {
    return this.#ask("GET", path);
  }

  /** `form` is what a button of a page sends; `body` is JSON. */
  post(path: string, form: Readonly<Record<string, string>> = {}, body?: unknown): Promise<FlowerAnswer> {
    return this.#ask("POST", path, body === undefined ? new URLSearchParams(form) : JSON.stringify(body));
  }

  /** Calling it again is fine. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGTERM");
    await this.#exit;
  }

  async #ask(method: "GET" | "POST", path: string, body?: URLSearchParams | string): Promise<FlowerAnswer> {
    const request = { method, ...(body === undefined ? {} : { body }), headers: { connection: "close" } };
    const response = await fetch(`${this.#url}${path}`, request);
    return { status: response.status, text: await response.text() };
  }
}
